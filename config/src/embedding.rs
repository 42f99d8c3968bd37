//! `[embedding]`: text to vectors.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::units;

/// Text to vectors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingConfig {
    /// Which model.
    pub model: EmbeddingModel,
    /// A directory in Hugging Face layout; only for [`EmbeddingModel::Huggingface`]. Absolute after loading.
    pub path: Option<PathBuf>,
    /// Chunks in one embed job.
    #[serde(with = "units::whole")]
    pub shard_chunks: usize,
}

/// Which model makes the vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmbeddingModel {
    /// use-enzh, 512 floats.
    Fast,
    /// e5-enzh, 384 floats.
    Accurate,
    /// A local directory, see [`EmbeddingConfig::path`].
    Huggingface,
}

impl EmbeddingModel {
    /// Returns the tokens after which a longer text is cut or its vector no longer gains; `None` where only the
    /// model's own files say it.
    pub fn useful_tokens(self) -> Option<u32> {
        match self {
            Self::Fast => Some(256),
            Self::Accurate => Some(512),
            Self::Huggingface => None,
        }
    }

    /// Returns the name used in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Accurate => "accurate",
            Self::Huggingface => "huggingface",
        }
    }
}
