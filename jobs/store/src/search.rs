//! Finding chunks by vector and by words.

use async_trait::async_trait;

use crate::{ChunkId, Result};

/// A chunk that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The chunk.
    pub chunk: ChunkId,
    /// Cosine for vectors (−1–1), BM25 (larger is better) for words.
    pub score: f64,
}

/// Search. Documents that are being deleted are not found.
#[async_trait]
pub trait Search {
    /// Returns the `limit` chunks whose vectors of `model` are nearest to `query` (L2-normalised), best first; ties by
    /// chunk id. Exact.
    async fn search_vectors(
        &self,
        tenant: &str,
        model: &str,
        query: &[f32],
        limit: usize,
    ) -> Result<Vec<Hit>>;

    /// Returns the `limit` chunks that match most of `words` best, by BM25, best first; ties by chunk id.
    async fn search_words(&self, tenant: &str, words: &[String], limit: usize) -> Result<Vec<Hit>>;
}
