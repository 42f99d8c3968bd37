//! Cuts a document into chunks that fit an embedder: by tokens, at sentences and headings, with overlap.
//!
//! ```text
//! blocks ─ tokens: ends of tokens and sentences, once ─▶ sections: what may share a chunk
//!        ─ pack + boundaries: spans ─▶ chunks: text, offsets, page, heading path, hash
//! ```
//!
//! Every character that is not white space is in exactly one chunk, apart from overlap. A chunk begins and ends with
//! a character that is not white space. Measuring and building run in parallel on the rayon pool of the caller, packing
//! is a few binary searches a chunk; the result does not depend on the number of threads.

mod boundaries;
mod pack;
mod sections;
mod tokens;

use std::ops::Range;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::boundaries::Cutter;
use self::pack::{CharCursor, pack};
use self::sections::sections;
use self::tokens::{Measure, SHARD_BYTES, units};
use crate::block::Document;

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
    /// Tokens by the counter it was cut with: those of its blocks' text that have a character in it.
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

impl ChunkOptions {
    /// The sizes that are used: `target` at least 1 and at most `max`, `overlap` at most half of `target`, so that every
    /// chunk brings at least as much new text as it repeats.
    fn bounded(self) -> (usize, usize, usize) {
        let max = self.max_tokens.max(1) as usize;
        let target = (self.target_tokens.max(1) as usize).min(max);
        (target, max, (self.overlap_tokens as usize).min(target / 2))
    }
}

/// Cuts a document into chunks, in order.
///
/// No chunk has more than [`ChunkOptions::max_tokens`]. Chunks end, best first, at headings, blocks, sentences, clauses,
/// words, tokens; tables and code are cut only if they are larger than a chunk, and then between lines. The same document,
/// counter and options always give the same chunks.
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
    let units = units(text, &document.blocks);
    let measure = Measure::of(text, &units, counter, shard_bytes);
    let cutter = Cutter {
        text,
        units: &units,
        measure: &measure,
        target,
        max,
        overlap,
    };
    let mut spans = Vec::new();
    for section in sections(&units, &document.blocks, &measure, target) {
        pack(&cutter, &section, &mut spans);
    }
    let placed = place(text, spans);
    if text.len() < shard_bytes {
        return placed
            .iter()
            .map(|span| span.build(document, &measure))
            .collect();
    }
    placed
        .par_iter()
        .map(|span| span.build(document, &measure))
        .collect()
}

/// A chunk's span with what depends on the spans before it.
struct Placed {
    ordinal: u32,
    bytes: Range<usize>,
    start_char: usize,
    overlap: usize,
}

fn place(text: &str, spans: Vec<Range<usize>>) -> Vec<Placed> {
    let mut cursor = CharCursor::default();
    let mut last_end = 0;
    spans
        .into_iter()
        .zip(0..)
        .map(|(bytes, ordinal)| {
            let overlap = last_end.max(bytes.start) - bytes.start;
            last_end = bytes.end;
            Placed {
                ordinal,
                start_char: cursor.advance(text, bytes.start),
                bytes,
                overlap,
            }
        })
        .collect()
}

impl Placed {
    fn build(&self, document: &Document, measure: &Measure) -> Chunk {
        let text = &document.text[self.bytes.clone()];
        let first = document
            .blocks
            .partition_point(|block| block.end <= self.bytes.start);
        Chunk {
            ordinal: self.ordinal,
            text: text.to_owned(),
            start: self.bytes.start,
            end: self.bytes.end,
            start_char: self.start_char,
            end_char: self.start_char + text.chars().count(),
            overlap: self.overlap,
            page: page_at(document, self.bytes.start),
            last_page: page_at(document, self.bytes.end - 1),
            heading_path: document
                .blocks
                .get(first)
                .map(|block| block.heading_path.clone())
                .unwrap_or_default(),
            tokens: measure.tokens(self.bytes.clone()) as u32,
            text_hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
        }
    }
}

/// The page around a byte; where the document has no list of pages, that of its block.
fn page_at(document: &Document, byte: usize) -> Option<u32> {
    let page = document.pages.partition_point(|page| page.start <= byte);
    if let Some(index) = page.checked_sub(1) {
        return Some(document.pages[index].number);
    }
    let block = document.blocks.partition_point(|block| block.start <= byte);
    document.blocks.get(block.checked_sub(1)?)?.page
}

#[cfg(test)]
mod tests;
