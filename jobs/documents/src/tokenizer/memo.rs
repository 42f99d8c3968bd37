//! Remembers how many tokens a piece has.
//!
//! Texts repeat their words, so nearly every piece is found here, in tables with two places for each hash, where the one
//! that was not used last gives way. Size and time are fixed whatever the text is. Each thread has its own and keeps it.

use super::Tokenizer;
use super::crossing::code_of;
use super::load::{hash, load, mix};
use super::merge;

/// Longest piece in the small table, in bytes: with its length and its count it is a number of 128 bits.
const SHORT: usize = 14;
/// Longest piece in the table of double width.
const LONG: usize = 16 + SHORT;

const SHORT_SETS: usize = 1 << 15;
const LONG_PLACES: usize = 1 << 13;
/// Pieces above that, up to [`LONGEST`] bytes: rules of dashes, mostly.
const LONGER_PLACES: usize = 1 << 9;
const LONGEST: usize = 256;

/// About 1.3 MB.
pub(super) struct Memo {
    /// 14 bytes of the piece, then its length, then its count; the one used last first.
    short: Box<[[u128; 2]; SHORT_SETS]>,
    /// 16 bytes of the piece; then as above.
    long: Box<[[u128; 2]; LONG_PLACES]>,
    longer: Box<[(Vec<u8>, u32); LONGER_PLACES]>,
}

impl Memo {
    pub(super) fn new() -> Self {
        Self {
            short: boxed(),
            long: boxed(),
            longer: boxed(),
        }
    }

    /// The tokens of the piece `text[at..end]`, which is not empty.
    #[inline]
    pub(super) fn count(
        &mut self,
        tokenizer: &Tokenizer,
        text: &[u8],
        at: usize,
        end: usize,
    ) -> u32 {
        // Most pieces of Han begin with a character of three bytes, or end with one.
        if text[at] >= 0xE0 || text[end - 1] >= 0x80 {
            self.count_wide(tokenizer, text, at, end)
        } else {
            self.count_part(tokenizer, text, at, end)
        }
    }

    /// The tokens of a piece, cut where no token reaches over.
    fn count_wide(
        &mut self,
        tokenizer: &Tokenizer,
        text: &[u8],
        mut start: usize,
        end: usize,
    ) -> u32 {
        let mut tokens = 0;
        let mut at = start;
        // The character before `at`, if it has three bytes; 0 is no such character.
        let mut left = 0;
        while at < end {
            let (right, length) = match text[at..end] {
                [lead @ 0xE0..=0xEF, middle, last, ..] => (code_of([lead, middle, last]), 3),
                [0xF0..=0xFF, ..] => (0, 4),
                [0xC0..=0xDF, ..] => (0, 2),
                _ => (0, 1),
            };
            if left != 0 && right != 0 && !tokenizer.crossings.may_cross(left, right) {
                tokens += if at - start == 3 {
                    tokenizer.single(left)
                } else {
                    self.count_part(tokenizer, text, start, at)
                };
                start = at;
            }
            left = right;
            at += length;
        }
        if left != 0 && end - start == 3 {
            return tokens + tokenizer.single(left);
        }
        tokens + self.count_part(tokenizer, text, start, end)
    }

    #[inline]
    fn count_part(&mut self, tokenizer: &Tokenizer, text: &[u8], at: usize, end: usize) -> u32 {
        let length = end - at;
        if length > SHORT {
            return self.count_long(tokenizer, text, at, end);
        }
        let key = load(text, at, length) | (length as u128) << 112;
        let set = &mut self.short[mix(key) as usize % SHORT_SETS];
        if (set[0] ^ key) << 8 == 0 {
            return (set[0] >> 120) as u32;
        }
        set.swap(0, 1);
        if (set[0] ^ key) << 8 != 0 {
            set[0] = key | count(tokenizer, &text[at..end]) << 120;
        }
        (set[0] >> 120) as u32
    }

    fn count_long(&mut self, tokenizer: &Tokenizer, text: &[u8], at: usize, end: usize) -> u32 {
        let length = end - at;
        if length > LONG {
            return self.count_longer(tokenizer, &text[at..end]);
        }
        let first = load(text, at, length);
        let rest = load(text, at + 16, length.saturating_sub(16)) | (length as u128) << 112;
        let place = &mut self.long[mix(first ^ rest.rotate_left(40)) as usize % LONG_PLACES];
        if place[0] != first || (place[1] ^ rest) << 8 != 0 {
            *place = [first, rest | count(tokenizer, &text[at..end]) << 120];
        }
        (place[1] >> 120) as u32
    }

    fn count_longer(&mut self, tokenizer: &Tokenizer, piece: &[u8]) -> u32 {
        if piece.len() > LONGEST {
            return count(tokenizer, piece) as u32;
        }
        let place = &mut self.longer[hash(piece) as usize % LONGER_PLACES];
        if place.0 != piece {
            place.0.clear();
            place.0.extend_from_slice(piece);
            place.1 = count(tokenizer, piece) as u32;
        }
        place.1
    }
}

#[cold]
fn count(tokenizer: &Tokenizer, part: &[u8]) -> u128 {
    merge::count(&tokenizer.vocabulary, part) as u128
}

/// A table on the heap that was never on the stack.
fn boxed<T: Clone + Default, const PLACES: usize>() -> Box<[T; PLACES]> {
    let places = vec![T::default(); PLACES].into_boxed_slice();
    places
        .try_into()
        .unwrap_or_else(|_| unreachable!("it has {PLACES} places"))
}
