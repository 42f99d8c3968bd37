//! What every handler of the pipeline gets.

use std::sync::Arc;

use graphmill_config::Config;
use graphmill_documents::{TokenCounter, chunk::ChunkOptions};
use graphmill_embedding::{EmbedError, Embedder};

use crate::{Services, cpu_pool::CpuPool, parser::Parser, services::model_choice};

/// The handlers' context. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    /// Stores, broker and models.
    pub services: Services,
    /// Parses documents.
    pub parser: Arc<dyn Parser>,
    /// Runs CPU-bound work.
    pub cpu: CpuPool,
    /// What the stages depend on besides their input.
    pub settings: Settings,
}

/// Settings of the stages; they are part of the fingerprints, so a change of one makes affected stages run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How to cut.
    pub chunk: ChunkOptions,
    /// Chunks in one shard of embed and extract.
    pub shard_chunks: u32,
}

/// Opens the token counter of the embedding model that the settings name.
///
/// # Errors
/// When the model cannot be loaded.
pub fn token_counter(config: &Config) -> Result<Arc<dyn TokenCounter>, EmbedError> {
    let embedder = graphmill_embedding::open(&model_choice(config))?;
    Ok(Arc::new(EmbedderTokens(embedder)))
}

/// Lets the chunker count tokens the way the embedder will.
pub(crate) struct EmbedderTokens(pub(crate) Arc<dyn Embedder>);

impl TokenCounter for EmbedderTokens {
    fn token_ends(&self, text: &str, ends: &mut Vec<usize>) {
        self.0.token_ends(text, ends);
    }
}
