//! From a sentence to what it names, one folder a language.

pub(crate) mod chinese;
pub(crate) mod english;
pub(crate) mod latin;

use std::ops::Range;

use crate::EntityType;

/// An entity named in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Bytes of the whole text.
    pub(crate) bytes: Range<usize>,
    pub(crate) entity_type: EntityType,
}

/// A verb that may say how two entities are related.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verb {
    /// First byte in the whole text.
    pub(crate) start: usize,
    /// As it is shown: lower case.
    pub(crate) label: String,
}

/// What a sentence names, in order; no two overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    pub(crate) names: Vec<Found>,
    pub(crate) verbs: Vec<Verb>,
}
