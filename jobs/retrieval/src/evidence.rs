//! The reasons a result carries: what in it the graph walk came by.

use serde::Serialize;

/// The most entities, and the most relations, shown with one result.
pub(crate) const MAX_SHOWN: usize = 8;

/// What connects a chunk with the question.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Evidence {
    /// Entities the chunk names, the ones that count most first; at most eight.
    pub entities: Vec<EvidenceEntity>,
    /// Relations the chunk states, the ones that count most first; at most eight.
    pub relations: Vec<EvidenceRelation>,
}

/// An entity in a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceEntity {
    /// Its usual name.
    pub name: String,
    /// `person`, `organization`, ….
    #[serde(rename = "type")]
    pub entity_type: String,
}

/// A relation with a sentence in a chunk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvidenceRelation {
    /// One end's name.
    pub source: String,
    /// The other end's name.
    pub target: String,
    /// The verb between them, a hint.
    pub label: Option<String>,
    /// See [`graphmill_store::graph::RelationRecord::weight`].
    pub weight: f64,
}
