//! Vectors, kept under the hash of their text and the id of their model: a known text is never embedded again.

use async_trait::async_trait;

use crate::{Fence, Result, chunks::ChunkText};

/// Vectors.
#[async_trait]
pub trait Embeddings {
    /// Of these chunks, returns those whose text has no vector by this model yet, each text once.
    async fn missing_embeddings(&self, model: &str, chunks: &[ChunkText])
    -> Result<Vec<ChunkText>>;

    /// Writes vectors (text hash, L2-normalised f32) in one transaction, fenced. A vector that is there stays. A text
    /// that no chunk has any more is left out.
    async fn write_embeddings(
        &self,
        fence: &Fence,
        model: &str,
        dimension: usize,
        vectors: &[(String, Vec<f32>)],
    ) -> Result<u64>;

    /// Counts vectors of a model.
    async fn count_embeddings(&self, model: &str) -> Result<u64>;
}
