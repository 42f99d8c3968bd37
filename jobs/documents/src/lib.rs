//! Bytes in, structured text and chunks out. Pure CPU: no network, no database, no clock.
//!
//! ```text
//! bytes ─ detect ─▶ FileType, encoding ─ parse::<format> ─▶ Blocks ─ normalise ─▶ Document ─ chunk ─▶ Chunks
//! ```
//!
//! A [`Document`] is one normalised text with blocks that point into it; every [`Chunk`] is a range of that text, so
//! it always maps back to its page and its offsets.

pub mod archive;
pub mod block;
pub mod chunk;
pub mod dedup;
pub mod detect;
pub mod error;
pub mod language;
pub mod limits;
mod nest;
mod normalise;
pub mod parse;
pub mod sentences;
#[cfg(feature = "openai-tokenizers")]
pub mod tokenizer;
pub mod words;

pub use block::{Block, BlockKind, Document, Page};
pub use chunk::{Chunk, TokenCounter};
pub use detect::FileType;
pub use error::{ErrorCode, ParseError};
pub use language::{block_language, block_script};
pub use limits::Limits;
pub use parse::parse_bytes;
