//! Tokens of a byte-pair tokenizer: where each piece ends, and how many tokens there are up to there.
//!
//! A chunk's text is tokenized on its own, so it has the text's pieces except at its edges: it may begin inside a piece
//! and end inside one. [`Pieces::count`] reads the first pieces anew until one ends where one of the text's does, takes
//! the difference of two sums up to the last piece that the chunk holds whole, and reads the rest anew. That is exact,
//! because the patterns do not look back and see nothing behind a piece but white space (see `tokenizer::pieces`).
//!
//! A piece of more than [`LONG_PIECE`] bytes (a megabyte without a space) is entered in parts, so that a chunk can end in
//! it. Sums over parts are estimates; spans that touch such a piece are counted afresh.

use std::ops::Range;

use rayon::prelude::*;

use super::shard::{LONG_PIECE, Mark, Shard, parts};
use crate::tokenizer::Tokenizer;

/// Tokens of a piece that is too long to be counted where it stands.
const UNCOUNTED: usize = usize::MAX;

/// The pieces of a text.
pub(in crate::chunk) struct Pieces<'a> {
    text: &'a str,
    tokenizer: &'static Tokenizer,
    shards: Vec<Shard>,
}

/// Where a mark is found: in this shard, behind so many pieces.
#[derive(Debug, Clone, Copy)]
struct Place {
    shard: usize,
    pieces: usize,
}

impl<'a> Pieces<'a> {
    /// Reads the text, in parallel where it is longer than `shard_bytes`.
    pub(super) fn of(text: &'a str, tokenizer: &'static Tokenizer, shard_bytes: usize) -> Self {
        let parts = parts(text, tokenizer, shard_bytes);
        let mut shards: Vec<Shard> = match &parts[..] {
            [only] => vec![Shard::read(text, tokenizer, only)],
            _ => parts
                .par_iter()
                .map(|part| Shard::read(text, tokenizer, part))
                .collect(),
        };
        let mut before = 0;
        for shard in &mut shards {
            shard.before = before;
            before += shard.marks.last().map_or(0, |mark| mark.tokens as usize);
        }
        Self {
            text,
            tokenizer,
            shards,
        }
    }

    pub(super) fn forward(&self, from: usize, size: usize) -> usize {
        // A long piece is not read to its end for each chunk that it is cut into.
        let window = size.saturating_mul(Tokenizer::LONGEST_TOKEN);
        let end = self.text.floor_char_boundary(from.saturating_add(window));
        let mut within = Mark {
            at: from,
            tokens: 0,
        };
        let mut first = None;
        let met = self.meet(from, end, |mark| {
            first.get_or_insert(mark.at);
            if mark.tokens <= size {
                within = mark;
            }
            mark.tokens <= size
        });
        if let Some(met) = met {
            let total = self.mark(met).tokens + size - within.tokens;
            let reached = self.mark(self.last_within(met, total)).at;
            if reached > within.at {
                return reached;
            }
        }
        if within.at > from {
            return within.at;
        }
        let end = first.unwrap_or_else(|| self.mark(self.ceil(from + 1)).at);
        self.fit(from, end, size)
    }

    pub(super) fn backward(&self, to: usize, size: usize) -> Option<usize> {
        let last = self.floor(to);
        let tokens = self.mark(last).tokens.checked_sub(size)?;
        Some(self.mark(self.first_with(last, tokens)).at)
    }

    /// Counts the tokens of the span's text, taken on its own.
    pub(super) fn count(&self, span: Range<usize>) -> usize {
        let text = &self.text[..span.end];
        if self.is_rough(&span) {
            return self.tokenizer.count(&text[span.start..]);
        }
        let mut head = Mark {
            at: span.start,
            tokens: 0,
        };
        let met = self.meet(span.start, span.end, |mark| {
            head = mark;
            true
        });
        match met {
            Some(met) => {
                let (met, last) = (self.mark(met), self.mark(self.floor(span.end)));
                let tail = self.tokenizer.count(&text[last.at..]);
                head.tokens + (last.tokens - met.tokens) + tail
            }
            None if head.at == span.end && head.tokens != UNCOUNTED => head.tokens,
            None => self.tokenizer.count(&text[span.start..]),
        }
    }

    /// Whether the span has more than `size` tokens whatever is in it.
    pub(super) fn is_surely_more(span: &Range<usize>, size: usize) -> bool {
        span.len() > size.saturating_mul(Tokenizer::LONGEST_TOKEN)
    }

    /// Reads pieces from `from` on, in the text up to `end`, until one ends where one of the text's does, and returns
    /// that mark. Each piece read goes to `visit` with the tokens from `from` on, a long one with [`UNCOUNTED`], and
    /// reading stops if it returns false. Nothing is read if `from` is such a place.
    fn meet(&self, from: usize, end: usize, mut visit: impl FnMut(Mark) -> bool) -> Option<Place> {
        let mut near = self.ceil(from);
        let mut near_at = self.mark(near).at;
        if near_at == from {
            return Some(near);
        }
        let (mut tokens, mut met) = (0, None);
        self.tokenizer
            .pieces(&self.text[..end], from, LONG_PIECE, |piece, count| {
                let at = piece.end;
                let Some(count) = count else {
                    visit(Mark {
                        at,
                        tokens: UNCOUNTED,
                    });
                    return false;
                };
                tokens += count as usize;
                if !visit(Mark { at, tokens }) {
                    return false;
                }
                if near_at < at {
                    near = self.ceil(at);
                    near_at = self.mark(near).at;
                }
                met = (near_at == at).then_some(near);
                met.is_none()
            });
        met
    }

    /// The longest part of a piece, from `from` on, with at most `size` tokens; at least one character.
    fn fit(&self, from: usize, end: usize, size: usize) -> usize {
        let text = self.text;
        let fits = |at: usize| self.tokenizer.count(&text[from..at]) <= size;
        let mut low = text.ceil_char_boundary(from + 1);
        // No more is read than twice what fits.
        let mut step = size.saturating_mul(2).max(8);
        let mut high = loop {
            let at = text.floor_char_boundary(from.saturating_add(step)).min(end);
            if at > low && !fits(at) {
                break at;
            }
            low = low.max(at);
            if at == end {
                return low;
            }
            step = step.saturating_mul(2);
        };
        loop {
            let middle = text.floor_char_boundary(low.midpoint(high));
            if middle <= low {
                return low;
            }
            if fits(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
    }

    fn is_rough(&self, span: &Range<usize>) -> bool {
        let first = self.shard_of(span.start);
        self.shards[first..]
            .iter()
            .take_while(|shard| shard.start < span.end)
            .any(|shard| {
                let next = shard.rough.partition_point(|rough| rough.end <= span.start);
                shard
                    .rough
                    .get(next)
                    .is_some_and(|rough| rough.start < span.end)
            })
    }

    fn mark(&self, place: Place) -> Mark {
        self.shards[place.shard].mark(place.pieces)
    }

    /// The last mark that is not behind `byte`.
    fn floor(&self, byte: usize) -> Place {
        let shard = self.shard_of(byte);
        Place {
            shard,
            pieces: self.shards[shard].pieces_until(byte),
        }
    }

    /// The first mark that is not before `byte`.
    fn ceil(&self, byte: usize) -> Place {
        let mut place = self.floor(byte);
        let pieces = self.shards[place.shard].marks.len();
        if self.mark(place).at < byte && place.pieces < pieces {
            place.pieces += 1;
        }
        place
    }

    fn shard_of(&self, byte: usize) -> usize {
        self.shards
            .partition_point(|shard| shard.start <= byte)
            .saturating_sub(1)
    }

    /// The last mark from `place` on with at most so many tokens before it.
    fn last_within(&self, mut place: Place, tokens: usize) -> Place {
        loop {
            let shard = &self.shards[place.shard];
            let local = tokens.saturating_sub(shard.before);
            // Each piece has a token at least.
            let more = tokens.saturating_sub(self.mark(place).tokens);
            let most = shard.marks.len().min(place.pieces.saturating_add(more));
            let marks = &shard.marks[place.pieces..most];
            place.pieces += marks.partition_point(|mark| mark.tokens as usize <= local);
            let is_all = place.pieces == shard.marks.len();
            if !is_all || place.shard + 1 == self.shards.len() {
                return place;
            }
            place = Place {
                shard: place.shard + 1,
                pieces: 0,
            };
        }
    }

    /// The first mark up to `place` with at least so many tokens before it.
    fn first_with(&self, mut place: Place, tokens: usize) -> Place {
        while self.shards[place.shard].before > tokens && place.shard > 0 {
            place.shard -= 1;
            place.pieces = self.shards[place.shard].marks.len();
        }
        let shard = &self.shards[place.shard];
        let local = tokens.saturating_sub(shard.before);
        if local == 0 {
            place.pieces = 0;
            return place;
        }
        let fewer = self.mark(place).tokens.saturating_sub(tokens);
        let least = place.pieces.saturating_sub(fewer + 1);
        let marks = &shard.marks[least..place.pieces];
        place.pieces = least + 1 + marks.partition_point(|mark| (mark.tokens as usize) < local);
        place.pieces = place.pieces.min(shard.marks.len());
        place
    }
}
