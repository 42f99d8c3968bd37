//! Cuts a document into chunks that fit an embedder: by tokens, at sentences and headings, with overlap.

use serde::{Deserialize, Serialize};

/// Counts tokens the way the embedder will.
///
/// Implementations are cheap to share between threads; `token_ends` is called once for each block of text ("count
/// once"), never for candidate spans.
pub trait TokenCounter: Send + Sync {
    /// Appends, for each token of `text` in order, the byte offset one past its end. The offsets grow, lie on
    /// character boundaries, and the last one is `text.len()` (white space belongs to the token before or after it).
    fn token_ends(&self, text: &str, ends: &mut Vec<usize>);
}

/// A part of a document's text that is embedded and searched as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Place in the document, from 0.
    pub ordinal: u32,
    /// The text: `document.text[start..end]`.
    pub text: String,
    /// First byte in [`crate::Document::text`].
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// First character (Unicode scalar value) in the text.
    pub start_char: usize,
    /// One past the last character.
    pub end_char: usize,
    /// Bytes at its start that the chunk before it also has.
    pub overlap: usize,
    /// First page it touches, from 1.
    pub page: Option<u32>,
    /// Last page it touches.
    pub last_page: Option<u32>,
    /// The headings above its first block, outermost first.
    pub heading_path: Vec<String>,
    /// Tokens by the counter it was cut with.
    pub tokens: u32,
    /// BLAKE3 of the text, hex: the key of its embedding.
    pub text_hash: String,
}

/// How to cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkOptions {
    /// Aim for this many tokens.
    pub target_tokens: u32,
    /// Never more than this many.
    pub max_tokens: u32,
    /// Repeat about this many at the start of the next chunk, at a sentence boundary.
    pub overlap_tokens: u32,
}

impl Default for ChunkOptions {
    fn default() -> Self {
        Self {
            target_tokens: 224,
            max_tokens: 256,
            overlap_tokens: 32,
        }
    }
}
