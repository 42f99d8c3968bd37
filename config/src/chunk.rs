//! `[chunk]`: how documents are cut.

use serde::{Deserialize, Serialize};

use crate::units;

/// How documents are cut, in tokens of the embedder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkConfig {
    /// Aim for this many.
    #[serde(with = "units::whole")]
    pub target_tokens: u32,
    /// Never more than this many.
    #[serde(with = "units::whole")]
    pub max_tokens: u32,
    /// The next chunk repeats about this many.
    #[serde(with = "units::whole")]
    pub overlap_tokens: u32,
}
