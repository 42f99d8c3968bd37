//! Cuts a document into chunks that fit an embedder: by tokens, at sentences and headings, with overlap.
//!
//! ```text
//! blocks ─ ruler: sizes, counted once; units: blocks, sentences ─▶ sections: what may share a chunk
//!        ─ pack + boundaries: spans ─▶ build: text, offsets, page, heading path, hash
//! ```
//!
//! Every character that is not white space is in exactly one chunk, apart from overlap. A chunk begins and ends with
//! a character that is not white space. Measuring and building run in parallel on the rayon pool of the caller, packing
//! is a few binary searches a chunk; the result does not depend on the number of threads.

mod boundaries;
mod build;
mod lines;
mod options;
mod pack;
mod ruler;
mod sections;
mod units;
mod words;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::boundaries::Cutter;
use self::build::{Placed, place};
pub use self::options::{ChunkOptions, Sizing, Strategy};
use self::pack::{Span, pack};
use self::ruler::Ruler;
use self::sections::{Section, cut_at_headings, join_small, undivided};
use self::units::{Unit, breaks, units, whole};
use crate::block::{BlockKind, Document};

/// Text measured as one unit of parallel work, in bytes.
const SHARD_BYTES: usize = 256 << 10;

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
    /// First page it touches, from 1; `None` where the format has none.
    pub page: Option<u32>,
    /// Last page it touches.
    pub last_page: Option<u32>,
    /// The headings above its first block, outermost first. If the chunk begins with a heading, that one is in the text
    /// and not here.
    pub heading_path: Vec<String>,
    /// Its size in what it was cut by. Tokens of the embedder: those of its blocks' text that have a character in it;
    /// everything else: those of this text on its own.
    pub tokens: u32,
    /// BLAKE3 of the text, hex: the key of its embedding.
    pub text_hash: String,
}

/// Cuts a document into chunks, in order.
///
/// No chunk has more than [`ChunkOptions::max_tokens`] of what [`ChunkOptions::sizing`] counts; `counter` is asked only if
/// that is the embedder. Chunks end where [`ChunkOptions::strategy`] says; by default, best first, at headings, blocks,
/// sentences, clauses, words, tokens, and tables and code are cut only if they are larger than a chunk, and then between
/// lines. The same document, counter and options always give the same chunks.
pub fn chunk_document(
    document: &Document,
    counter: &dyn TokenCounter,
    options: &ChunkOptions,
) -> Vec<Chunk> {
    chunk_in_shards(document, counter, options, SHARD_BYTES)
}

/// Cuts several documents in parallel on the rayon pool it is called from; one result for each document, in order.
pub fn chunk_documents(
    documents: &[Document],
    counter: &dyn TokenCounter,
    options: &ChunkOptions,
) -> Vec<Vec<Chunk>> {
    documents
        .par_iter()
        .map(|document| chunk_document(document, counter, options))
        .collect()
}

fn chunk_in_shards(
    document: &Document,
    counter: &dyn TokenCounter,
    options: &ChunkOptions,
    shard_bytes: usize,
) -> Vec<Chunk> {
    let text = document.text.as_str();
    if text.is_empty() {
        return Vec::new();
    }
    let (target, max, overlap) = options.bounded();
    let strategy = options.strategy;
    let units = match strategy {
        Strategy::Code => vec![whole(text, BlockKind::Code)],
        _ => units(text, &document.blocks),
    };
    let breaks = match strategy {
        Strategy::Fixed => Vec::new(),
        _ => breaks(text, &units, shard_bytes),
    };
    let ruler = Ruler::new(text, &units, counter, options.sizing, shard_bytes);
    let sections = sections_of(document, &units, &ruler, strategy, target);
    let cutter = Cutter {
        text,
        units: &units,
        breaks: &breaks,
        ruler: &ruler,
        strategy,
        target,
        max,
        overlap,
    };
    let (pack, build) = (
        |section: &Section| pack(&cutter, section),
        |placed: &Placed| placed.build(document),
    );
    if text.len() < shard_bytes {
        let spans: Vec<Span> = sections.iter().flat_map(pack).collect();
        return place(text, spans).iter().map(build).collect();
    }
    let spans: Vec<Vec<Span>> = sections.par_iter().map(pack).collect();
    let placed = place(text, spans.into_iter().flatten().collect());
    placed.par_iter().map(build).collect()
}

fn sections_of(
    document: &Document,
    units: &[Unit],
    ruler: &Ruler<'_>,
    strategy: Strategy,
    target: usize,
) -> Vec<Section> {
    match strategy {
        Strategy::Recursive => join_small(cut_at_headings(units), &document.blocks, ruler, target),
        Strategy::Markdown => cut_at_headings(units),
        Strategy::Sentence | Strategy::Fixed | Strategy::Code => {
            undivided(units).into_iter().collect()
        }
    }
}

#[cfg(test)]
mod tests;
