//! The embedder's tokens: where each ends.
//!
//! The text is measured block by block, each with the white space behind it, so that the measures of two blocks do not
//! depend on each other: a large document is measured in shards in parallel, and the result is the one of a single pass.

use std::ops::Range;

use rayon::prelude::*;

use crate::chunk::TokenCounter;
use crate::chunk::units::{Unit, shards};

/// Longest token in bytes. A counter may call a megabyte without spaces one token (an unknown word); no embedder reads
/// it, so a longer one counts as one token for each piece of this size, cut at characters.
const MAX_TOKEN_BYTES: usize = 256;

/// One past the last byte of each token, growing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::chunk) struct Tokens {
    ends: Vec<usize>,
}

impl Tokens {
    /// Asks the counter once for each unit, in parallel where there is more than one shard of `shard_bytes`.
    pub(super) fn of(
        text: &str,
        units: &[Unit],
        counter: &dyn TokenCounter,
        shard_bytes: usize,
    ) -> Self {
        let shards = shards(units, shard_bytes);
        let measure_shard = |shard: &Range<usize>| {
            let mut tokens = Self::default();
            for index in shard.clone() {
                let until = units.get(index + 1).map_or(text.len(), |next| next.start);
                tokens.add(text, units[index].start..until, counter);
            }
            tokens
        };
        if let [shard] = &shards[..] {
            return measure_shard(shard);
        }
        let parts: Vec<Self> = shards.par_iter().map(measure_shard).collect();
        let mut ends = Vec::with_capacity(parts.iter().map(|part| part.ends.len()).sum());
        for part in parts {
            ends.extend_from_slice(&part.ends);
        }
        Self { ends }
    }

    /// Measures one unit with the white space behind it.
    fn add(&mut self, text: &str, span: Range<usize>, counter: &dyn TokenCounter) {
        let first = self.ends.len();
        counter.token_ends(&text[span.clone()], &mut self.ends);
        let mut longest = 0;
        let mut last = span.start;
        for end in &mut self.ends[first..] {
            *end += span.start;
            longest = longest.max(*end - last);
            last = *end;
        }
        if last < span.end {
            self.ends.push(span.end);
            longest = longest.max(span.end - last);
        }
        if longest > MAX_TOKEN_BYTES {
            split_long_tokens(text, span.start, first, &mut self.ends);
        }
    }

    pub(super) fn forward(&self, from: usize, size: usize) -> usize {
        self.end_of(self.holder_of(from) + size - 1)
    }

    pub(super) fn backward(&self, to: usize, size: usize) -> Option<usize> {
        let first = self.holder_of(to).checked_sub(size)?;
        Some(first.checked_sub(1).map_or(0, |before| self.end_of(before)))
    }

    /// Counts the tokens that have a byte in the span.
    pub(super) fn count(&self, span: Range<usize>) -> usize {
        if span.is_empty() {
            return 0;
        }
        self.holder_of(span.end - 1) + 1 - self.holder_of(span.start)
    }

    /// The index of the token that holds this byte.
    fn holder_of(&self, byte: usize) -> usize {
        self.ends.partition_point(|&end| end <= byte)
    }

    /// One past the last byte of the token with this index; of the last token if there are fewer.
    fn end_of(&self, index: usize) -> usize {
        let last = self.ends.len().saturating_sub(1);
        self.ends.get(index.min(last)).copied().unwrap_or(0)
    }
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
