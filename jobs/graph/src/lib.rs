//! Chunks in, entities and relations out. No database, no network.
//!
//! ```text
//!           ┌ English ─ tokens ─ Brill tags ─ noun phrases ┐
//! sentence ─┤ (by the share of Chinese characters)         ├─ normal forms ─ mentions ─ pairs
//!           └ Chinese ─ LAC or jieba words ─ names, runs   ┘
//! ```
//!
//! Both models are compiled in (`models/`), so the extractor needs no file and no download.

mod error;
mod extract;
mod local;
mod normal_form;
mod options;
mod pairs;
mod query;
mod route;
mod script;

pub use error::LoadError;
pub use local::LocalExtractor;
pub use normal_form::normal_form;
pub use options::{ChineseTagger, GraphOptions};

use serde::{Deserialize, Serialize};

/// What an entity is. Open ends are `Concept` (a noun phrase) and `Other` (a name of unknown type).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityType {
    /// A person.
    Person,
    /// A company, office, group.
    Organization,
    /// A place.
    Location,
    /// A date or span of time.
    Time,
    /// A named product, work or technology.
    Product,
    /// A term: a noun phrase that is no name.
    Concept,
    /// A name of unknown type.
    Other,
}

impl EntityType {
    /// Returns the name used in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Organization => "organization",
            Self::Location => "location",
            Self::Time => "time",
            Self::Product => "product",
            Self::Concept => "concept",
            Self::Other => "other",
        }
    }
}

/// One place in a chunk where an entity is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// The normal form: equal keys are the same entity. See [`Extractor`] for how it is made.
    pub key: String,
    /// As it stands in the text.
    pub surface: String,
    /// What it is.
    pub entity_type: EntityType,
    /// First byte in the chunk's text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Number of its sentence in the chunk, from 0.
    pub sentence: u32,
}

/// Two entities in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cooccurrence {
    /// The smaller key.
    pub source: String,
    /// The larger key.
    pub target: String,
    /// The single verb between them, where there is one: a hint, not a fact.
    pub label: Option<String>,
    /// Number of the sentence in the chunk.
    pub sentence: u32,
    /// The sentence's first byte in the chunk's text.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// What one chunk says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extraction {
    /// In order of appearance.
    pub mentions: Vec<Mention>,
    /// Ordered by sentence, source, target; a pair at most once a sentence.
    pub cooccurrences: Vec<Cooccurrence>,
}

/// Finds entities and relations. One instance is shared by all threads; the same text always gives the same result.
pub trait Extractor: Send + Sync {
    /// Names the method and its version, stored with every extraction: `local-v1`.
    fn id(&self) -> &str;

    /// Extracts from each text on its own, in order, in parallel on the rayon pool that it is called from.
    fn extract(&self, texts: &[&str]) -> Vec<Extraction>;
}
