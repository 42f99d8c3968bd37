//! Bytes in, structured text and chunks out. Pure CPU: no network, no database, no clock.
//!
//! ```text
//! bytes ─ detect ─▶ FileType, encoding ─ parse::<format> ─▶ Blocks ─ normalise ─▶ Document ─ chunk ─▶ Chunks
//! ```
//!
//! A [`Document`] is one normalised text with blocks that point into it; every [`Chunk`] is a range of that text, so
//! it always maps back to its page and its offsets.

pub mod block;
pub mod chunk;
pub mod error;

pub use block::{Block, BlockKind, Document, Page};
pub use chunk::{Chunk, TokenCounter};
pub use error::{ErrorCode, ParseError};
