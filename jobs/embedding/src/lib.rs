//! Text in, vectors out.
//!
//! [`open`] gives an [`Embedder`]: one of two models that are part of the executable, or one from a directory. The same
//! text always gets the same vector, bit for bit, whatever else is in the batch and however many threads run.

mod batch;
mod dense;
mod local;
mod unigram;

pub use local::{ModelChoice, open};

/// Turns texts into vectors. One instance is shared by all threads.
pub trait Embedder: Send + Sync {
    /// Names the model and its version, stored with every vector: `use-enzh-v3`. Vectors of different ids never meet.
    fn id(&self) -> &str;

    /// Floats in a vector.
    fn dimension(&self) -> usize;

    /// Tokens after which a text is cut or its vector no longer gains.
    fn max_tokens(&self) -> usize;

    /// Embeds texts that are to be found; one L2-normalised vector of [`Embedder::dimension`] floats each, in order.
    /// Runs in parallel on the rayon pool that it is called from.
    ///
    /// # Errors
    /// When the model cannot run; never because of a text's content.
    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError>;

    /// Embeds a search text. Models without prefixes treat it like a passage.
    ///
    /// # Errors
    /// As [`Embedder::embed_passages`].
    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError>;

    /// Appends, for each token of `text` in order, the byte offset one past its end; the last one is `text.len()`.
    fn token_ends(&self, text: &str, ends: &mut Vec<usize>);
}

/// Why no vector could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The model's file is missing or not what it should be.
    #[error("model `{model}` cannot be loaded: {reason}")]
    Load {
        /// Its id or path.
        model: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The engine failed.
    #[error("model `{model}` failed: {reason}")]
    Run {
        /// Its id.
        model: String,
        /// What happened.
        reason: String,
    },
}
