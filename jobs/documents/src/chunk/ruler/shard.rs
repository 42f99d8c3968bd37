//! The pieces of a part of a text, read in one pass.

use std::ops::Range;

use crate::tokenizer::Tokenizer;

/// Longest piece in bytes that is entered as one.
pub(super) const LONG_PIECE: usize = 256;

/// How far behind its planned end a shard looks for a place where a piece is sure to end.
const SEAM_SEARCH: usize = 16 << 10;

/// The pieces of a part of the text of less than 4 GiB.
#[derive(Default)]
pub(super) struct Shard {
    pub(super) start: usize,
    /// Tokens before it.
    pub(super) before: usize,
    pub(super) marks: Vec<ShardMark>,
    /// For each block of [`BLOCK`] bytes, how many marks are not behind its first byte.
    index: Vec<u32>,
    /// Where sums are estimates, in bytes of the text, in order.
    pub(super) rough: Vec<Range<usize>>,
}

/// The end of a piece and the tokens up to there, both from the start of the shard.
#[derive(Clone, Copy)]
pub(super) struct ShardMark {
    pub(super) end: u32,
    pub(super) tokens: u32,
}

/// Bytes between two entries of the index.
const BLOCK: usize = 1 << 10;

/// An end of a piece and the tokens before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) at: usize,
    pub(super) tokens: usize,
}

impl Shard {
    /// Reads the pieces of a part of the text.
    pub(super) fn read(text: &str, tokenizer: &Tokenizer, part: &Part) -> Self {
        let expected = part.bytes.len() / 4 + 1;
        let mut shard = Self {
            start: part.bytes.start,
            marks: Vec::with_capacity(expected),
            ..Self::default()
        };
        let mut sum = 0;
        let until = &text[..part.bytes.end];
        tokenizer.pieces(until, part.bytes.start, LONG_PIECE, |piece, count| {
            if let Some(count) = count {
                sum += count;
                shard.push(piece.end, sum);
            } else {
                sum = shard.push_long(text, tokenizer, piece, sum);
            }
            true
        });
        if !part.ends_piece {
            let end = part.bytes.end;
            shard.rough.push(end.saturating_sub(1)..end + 1);
        }
        shard
    }

    #[inline]
    fn push(&mut self, end: usize, tokens: u32) {
        let end = end - self.start;
        while end > self.index.len() * BLOCK {
            self.index.push(self.marks.len() as u32);
        }
        self.marks.push(ShardMark {
            end: end as u32,
            tokens,
        });
    }

    /// Enters a long piece in parts; returns the sum behind it.
    fn push_long(
        &mut self,
        text: &str,
        tokenizer: &Tokenizer,
        piece: Range<usize>,
        mut sum: u32,
    ) -> u32 {
        let mut at = piece.start;
        while at < piece.end {
            let end = text.floor_char_boundary(at + LONG_PIECE).min(piece.end);
            sum += tokenizer.count_piece(&text[at..end]) as u32;
            self.push(end, sum);
            at = end;
        }
        self.rough.push(piece);
        sum
    }

    /// How many pieces end at a byte of the text or before it.
    pub(super) fn pieces_until(&self, byte: usize) -> usize {
        let local = byte - self.start;
        let all = self.marks.len();
        let entry = |block: usize| self.index.get(block).map_or(all, |&pieces| pieces as usize);
        let (first, last) = (entry(local / BLOCK), entry(local / BLOCK + 1));
        first + self.marks[first..last].partition_point(|mark| mark.end as usize <= local)
    }

    /// The mark behind so many pieces.
    pub(super) fn mark(&self, pieces: usize) -> Mark {
        let local = pieces
            .checked_sub(1)
            .and_then(|index| self.marks.get(index))
            .copied()
            .unwrap_or(ShardMark { end: 0, tokens: 0 });
        Mark {
            at: self.start + local.end as usize,
            tokens: self.before + local.tokens as usize,
        }
    }
}

/// What is read as one shard.
pub(super) struct Part {
    bytes: Range<usize>,
    /// A piece ends where it ends, whatever follows.
    ends_piece: bool,
}

/// Cuts a text into parts of about `shard_bytes`, behind letters where pieces are sure to end.
pub(super) fn parts(text: &str, tokenizer: &Tokenizer, shard_bytes: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut start = 0;
    while text.len() - start > shard_bytes {
        let planned = text.ceil_char_boundary(start + shard_bytes);
        let search = planned..text.ceil_char_boundary(planned + SEAM_SEARCH);
        let mut places = text[search.clone()].char_indices();
        let seam = places
            .find(|&(offset, _)| tokenizer.is_seam(text, planned + offset))
            .map(|(offset, _)| planned + offset);
        if seam.is_none() && search.end == text.len() {
            break;
        }
        let end = seam.unwrap_or(planned);
        parts.push(Part {
            bytes: start..end,
            ends_piece: seam.is_some(),
        });
        start = end;
    }
    parts.push(Part {
        bytes: start..text.len(),
        ends_piece: true,
    });
    parts
}
