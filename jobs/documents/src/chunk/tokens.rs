//! Counts once: where every token and every sentence of a document ends, found in one pass over the text.
//!
//! The text is measured block by block, each with the white space behind it, so that the measures of two blocks do not
//! depend on each other: a large document is measured in shards in parallel, and the result is the one of a single pass.
//! After that the tokens of any span are two binary searches.

use std::ops::Range;

use rayon::prelude::*;

use super::TokenCounter;
use crate::block::{Block, BlockKind};
use crate::sentences::for_each_sentence_end;

/// Longest token in bytes. A counter may call a megabyte without spaces one token (an unknown word); no embedder reads
/// it, so a longer one counts as one token for each piece of this size, cut at characters.
const MAX_TOKEN_BYTES: usize = 256;

/// Text measured as one unit of parallel work, in bytes.
pub(super) const SHARD_BYTES: usize = 256 << 10;

/// A block with the white space behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// Where the block's text begins.
    pub(super) start: usize,
    /// One past the block's text.
    pub(super) end: usize,
    pub(super) kind: BlockKind,
}

impl Unit {
    /// Tables and code are cut only where they do not fit into a chunk, and then between lines.
    pub(super) fn is_atomic(&self) -> bool {
        matches!(self.kind, BlockKind::Table | BlockKind::Code)
    }
}

/// The blocks of a document as units; a text without blocks is one paragraph.
pub(super) fn units(text: &str, blocks: &[Block]) -> Vec<Unit> {
    if blocks.is_empty() {
        return vec![Unit {
            start: 0,
            end: text.len(),
            kind: BlockKind::Paragraph,
        }];
    }
    blocks
        .iter()
        .map(|block| Unit {
            start: block.start,
            end: block.end,
            kind: block.kind,
        })
        .collect()
}

/// The ends of tokens and the places to cut of a whole document, as byte offsets into its text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Measure {
    /// One past the last byte of each token, growing.
    token_ends: Vec<usize>,
    /// Where sentences of running text and lines of tables and code begin, inside blocks (a block's start is none).
    pub(super) breaks: Vec<usize>,
}

impl Measure {
    /// Measures a text, in parallel where it has more than one shard of `shard_bytes`.
    pub(super) fn of(
        text: &str,
        units: &[Unit],
        counter: &dyn TokenCounter,
        shard_bytes: usize,
    ) -> Self {
        let shards = shards(units, shard_bytes);
        let measure_shard = |shard: &Range<usize>| {
            let mut measure = Self::default();
            for index in shard.clone() {
                let until = units.get(index + 1).map_or(text.len(), |next| next.start);
                measure.add(text, &units[index], until, counter);
            }
            measure
        };
        if let [shard] = &shards[..] {
            return measure_shard(shard);
        }
        let parts: Vec<Self> = shards.par_iter().map(measure_shard).collect();
        Self {
            token_ends: parts
                .iter()
                .flat_map(|part| &part.token_ends)
                .copied()
                .collect(),
            breaks: parts
                .iter()
                .flat_map(|part| &part.breaks)
                .copied()
                .collect(),
        }
    }

    /// Measures one unit, which reaches to `until`.
    fn add(&mut self, text: &str, unit: &Unit, until: usize, counter: &dyn TokenCounter) {
        let first = self.token_ends.len();
        counter.token_ends(&text[unit.start..until], &mut self.token_ends);
        let mut longest = 0;
        let mut last = unit.start;
        for end in &mut self.token_ends[first..] {
            *end += unit.start;
            longest = longest.max(*end - last);
            last = *end;
        }
        if last < until {
            self.token_ends.push(until);
            longest = longest.max(until - last);
        }
        if longest > MAX_TOKEN_BYTES {
            split_long_tokens(text, unit.start, first, &mut self.token_ends);
        }

        let body = &text[unit.start..unit.end];
        if unit.is_atomic() {
            let lines = body.match_indices('\n').map(|(at, _)| unit.start + at + 1);
            self.breaks.extend(lines.filter(|&line| line < unit.end));
        } else {
            for_each_sentence_end(body, |end| {
                if end < body.len() {
                    self.breaks.push(unit.start + end);
                }
            });
        }
    }

    /// Counts the tokens that have a byte in the span.
    pub(super) fn tokens(&self, span: Range<usize>) -> usize {
        if span.is_empty() {
            return 0;
        }
        self.token_at(span.end - 1) + 1 - self.token_at(span.start)
    }

    /// The index of the token that holds this byte.
    pub(super) fn token_at(&self, byte: usize) -> usize {
        self.token_ends.partition_point(|&end| end <= byte)
    }

    /// One past the last byte of the token with this index; of the last token if there are fewer.
    pub(super) fn token_end(&self, index: usize) -> usize {
        let last = self.token_ends.len().saturating_sub(1);
        self.token_ends.get(index.min(last)).copied().unwrap_or(0)
    }

    /// First byte of the token with this index.
    pub(super) fn token_start(&self, index: usize) -> usize {
        if index == 0 {
            0
        } else {
            self.token_end(index - 1)
        }
    }

    /// The breaks in a range of bytes.
    pub(super) fn breaks_in(&self, range: Range<usize>) -> &[usize] {
        let first = self.breaks.partition_point(|&at| at < range.start);
        let last = self.breaks.partition_point(|&at| at < range.end).max(first);
        &self.breaks[first..last]
    }
}

/// Groups units into shards of about `shard_bytes`.
fn shards(units: &[Unit], shard_bytes: usize) -> Vec<Range<usize>> {
    let mut shards = Vec::new();
    let mut first = 0;
    for index in 0..units.len() {
        if units[index].end - units[first].start >= shard_bytes || index + 1 == units.len() {
            shards.push(first..index + 1);
            first = index + 1;
        }
    }
    shards
}

/// Replaces every token from index `first` on that is longer than [`MAX_TOKEN_BYTES`] by pieces that are not.
fn split_long_tokens(text: &str, start: usize, first: usize, token_ends: &mut Vec<usize>) {
    let ends = token_ends.split_off(first);
    let mut last = start;
    for end in ends {
        while end - last > MAX_TOKEN_BYTES {
            last = text.floor_char_boundary(last + MAX_TOKEN_BYTES);
            token_ends.push(last);
        }
        token_ends.push(end);
        last = end;
    }
}
