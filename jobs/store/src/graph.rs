//! Entities and relations with their evidence.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{ChunkId, DocumentId, EntityId, Fence, RelationId, Result, chunks::ChunkText};

/// One place where a chunk names an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MentionRow {
    /// The entity's normal form.
    pub key: String,
    /// As it stands in the text.
    pub surface: String,
    /// `person`, `organization`, ….
    pub entity_type: String,
    /// First byte in the chunk's text.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// One sentence that names two entities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CooccurrenceRow {
    /// The smaller key.
    pub source: String,
    /// The larger key.
    pub target: String,
    /// The verb between them, a hint.
    pub label: Option<String>,
    /// The sentence's first byte in the chunk's text.
    pub start: u32,
    /// One past its last byte.
    pub end: u32,
}

/// What one text says: kept under (text hash, extractor) and written out as support rows for each chunk with that text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractionRow {
    /// Entities named.
    pub mentions: Vec<MentionRow>,
    /// Pairs in one sentence.
    pub cooccurrences: Vec<CooccurrenceRow>,
}

/// An entity with its sums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntityRecord {
    /// Its id.
    pub id: EntityId,
    /// The normal form.
    pub key: String,
    /// The surface seen most often.
    pub name: String,
    /// The type seen most often.
    pub entity_type: String,
    /// Places that name it.
    pub mentions: u64,
    /// Chunks that name it.
    pub chunks: u64,
    /// Documents that name it.
    pub documents: u64,
}

/// A relation with its sums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RelationRecord {
    /// Its id.
    pub id: RelationId,
    /// One end.
    pub source: EntityId,
    /// Its name.
    pub source_name: String,
    /// The other end.
    pub target: EntityId,
    /// Its name.
    pub target_name: String,
    /// The verb seen most often between them, a hint.
    pub label: Option<String>,
    /// Sentences that name both.
    pub sentences: u64,
    /// Frequency-weighted pointwise mutual information: p(x,y) · log₂(p(x,y) / (p(x) p(y))), over the
    /// sentences that name two entities or more.
    pub weight: f64,
}

/// A place that supports an entity or a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The chunk.
    pub chunk: ChunkId,
    /// Its document.
    pub document: DocumentId,
    /// First byte in the chunk's text.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// How large the knowledge base is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Documents, those being deleted included.
    pub documents: u64,
    /// Chunks.
    pub chunks: u64,
    /// Vectors.
    pub embeddings: u64,
    /// Entities.
    pub entities: u64,
    /// Relations.
    pub relations: u64,
    /// Bytes of the documents' newest versions.
    pub bytes: u64,
}

/// Hashes over what the documents say, without ids and times: equal for equal knowledge bases, however they came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentHashes {
    /// Over (source, ordinal, text hash, offsets, page, headings) of every chunk.
    pub chunks: String,
    /// Over (text hash, model, vector) of every vector.
    pub embeddings: String,
    /// Over (key, name, type, counts) of every entity and (source, ordinal, offsets, surface) of its evidence.
    pub entities: String,
    /// Over (ends, label, sentences) of every relation and (source, ordinal, offsets) of its evidence.
    pub relations: String,
}

/// The graph.
#[async_trait]
pub trait Graph {
    /// Of these chunks, returns those whose text has no extraction by this extractor yet, each text once.
    async fn missing_extractions(
        &self,
        extractor: &str,
        chunks: &[ChunkText],
    ) -> Result<Vec<ChunkText>>;

    /// Keeps extractions (text hash, what it says). Fenced. A text that no chunk has any more is left out.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] when an extraction has an empty place, a pair whose source is not the smaller key, or a
    /// pair of which it does not name both ends.
    async fn write_extractions(
        &self,
        fence: &Fence,
        extractor: &str,
        extractions: &[(String, ExtractionRow)],
    ) -> Result<()>;

    /// Writes the support rows of these chunks from their kept extractions, replacing what was there, and brings the
    /// sums of every touched entity and relation up to date, in one transaction, fenced. Returns the number of mentions.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] when the version has no such chunk, or nothing is kept for its text.
    async fn apply_extractions(
        &self,
        fence: &Fence,
        extractor: &str,
        chunks: &[ChunkId],
    ) -> Result<u64>;

    /// Lists entities, the most often named first, optionally those whose name or key contains `search`.
    async fn list_entities(
        &self,
        tenant: &str,
        search: Option<&str>,
        limit: usize,
    ) -> Result<Vec<EntityRecord>>;

    /// Lists relations, the heaviest first, optionally those of one entity.
    async fn list_relations(
        &self,
        tenant: &str,
        entity: Option<&EntityId>,
        limit: usize,
    ) -> Result<Vec<RelationRecord>>;

    /// Returns the entities with these normal forms.
    async fn entities_by_keys(&self, tenant: &str, keys: &[String]) -> Result<Vec<EntityRecord>>;

    /// Returns evidence of an entity, at most `limit`.
    async fn entity_evidence(&self, id: &EntityId, limit: usize) -> Result<Vec<Evidence>>;

    /// Returns evidence of a relation, at most `limit`.
    async fn relation_evidence(&self, id: &RelationId, limit: usize) -> Result<Vec<Evidence>>;

    /// Says how large the knowledge base is.
    async fn totals(&self) -> Result<Totals>;

    /// Hashes what the documents say. Reads everything; for tests and audits.
    async fn content_hashes(&self) -> Result<ContentHashes>;
}
