//! The parts of a document that a cut respects: its blocks, and in them sentences and lines.

use std::ops::Range;

use rayon::prelude::*;

use crate::block::{Block, BlockKind};
use crate::sentences::for_each_sentence_end;

/// A block of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// Where the block's text begins.
    pub(super) start: usize,
    /// One past the block's text.
    pub(super) end: usize,
    pub(super) kind: BlockKind,
}

impl Unit {
    /// Tables and code are made of lines, everything else of sentences.
    pub(super) fn has_lines(&self) -> bool {
        matches!(self.kind, BlockKind::Table | BlockKind::Code)
    }
}

/// The blocks of a document as units; a text without blocks is one paragraph.
pub(super) fn units(text: &str, blocks: &[Block]) -> Vec<Unit> {
    if blocks.is_empty() {
        return vec![whole(text, BlockKind::Paragraph)];
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

/// A text as one unit.
pub(super) fn whole(text: &str, kind: BlockKind) -> Unit {
    Unit {
        start: 0,
        end: text.len(),
        kind,
    }
}

/// Groups units into shards of about `shard_bytes`.
pub(super) fn shards(units: &[Unit], shard_bytes: usize) -> Vec<Range<usize>> {
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

/// Finds where sentences of running text and lines of tables and code begin, inside units (a unit's start is none), in
/// order; in parallel where there is more than one shard of `shard_bytes`.
pub(super) fn breaks(text: &str, units: &[Unit], shard_bytes: usize) -> Vec<usize> {
    let breaks_of = |shard: &Range<usize>| {
        let mut breaks = Vec::new();
        for unit in &units[shard.clone()] {
            add_breaks(text, unit, &mut breaks);
        }
        breaks
    };
    let shards = shards(units, shard_bytes);
    if let [shard] = &shards[..] {
        return breaks_of(shard);
    }
    let parts: Vec<Vec<usize>> = shards.par_iter().map(breaks_of).collect();
    parts.concat()
}

fn add_breaks(text: &str, unit: &Unit, breaks: &mut Vec<usize>) {
    let body = &text[unit.start..unit.end];
    if unit.has_lines() {
        let lines = memchr::memchr_iter(b'\n', body.as_bytes()).map(|at| unit.start + at + 1);
        breaks.extend(lines.filter(|&line| line < unit.end));
    } else {
        for_each_sentence_end(body, |end| {
            if end < body.len() {
                breaks.push(unit.start + end);
            }
        });
    }
}
