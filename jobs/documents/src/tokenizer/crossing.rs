//! Between which characters no token reaches.
//!
//! A token that reaches over the boundary of two characters has bytes of both. If the vocabulary has none whose bytes
//! there could be these characters', merging never joins anything across, and the two sides of the boundary can be
//! counted on their own. Runs of Han, which no pattern cuts, thus fall into parts of one or a few characters: of the
//! boundaries in Chinese text, a token crosses one in thirteen (cl100k) or one in five (o200k).
//!
//! Only characters of three bytes are looked at (U+0800–U+FFFF), each given by its code point.

use super::vocabulary::Vocabulary;

/// Answers "may a token cross here?" from bits: yes for every pair that one does cross, and for a few more.
pub(super) struct Crossings {
    /// Pairs that are in a token side by side, by hash.
    pairs: Bits<PAIR_WORDS>,
    /// Characters that a token ends with, but for a part of the next one.
    before_part: Bits<CHARACTER_WORDS>,
    /// Characters that a token begins with, but for a part of the one before; also those that could end such a token of
    /// two parts.
    after_part: Bits<CHARACTER_WORDS>,
}

/// 2¹⁸ bits, of which o200k sets one in twenty.
const PAIR_WORDS: usize = 1 << 12;
/// One bit for each code point.
const CHARACTER_WORDS: usize = 1 << 10;

struct Bits<const WORDS: usize>(Box<[u64; WORDS]>);

impl<const WORDS: usize> Bits<WORDS> {
    fn new() -> Self {
        Self(Box::new([0; WORDS]))
    }

    #[inline]
    fn get(&self, bit: usize) -> bool {
        self.0[bit / 64 % WORDS] >> (bit % 64) & 1 == 1
    }

    fn set(&mut self, bit: usize) {
        self.0[bit / 64 % WORDS] |= 1 << (bit % 64);
    }
}

impl Crossings {
    pub(super) fn of(vocabulary: &Vocabulary) -> Self {
        let mut crossings = Self {
            pairs: Bits::new(),
            before_part: Bits::new(),
            after_part: Bits::new(),
        };
        for token in vocabulary.tokens() {
            for at in 1..token.len() {
                if !is_continuation(token[at]) {
                    crossings.add(last_character(&token[..at]), first_character(&token[at..]));
                }
            }
        }
        crossings
    }

    /// Enters what a token has left and right of a boundary: a character, or as many of its bytes as it has.
    fn add(&mut self, left: &[u8], right: &[u8]) {
        let left_is_part = left.first().is_some_and(|&byte| is_continuation(byte));
        match (whole(left), whole(right)) {
            (Some(left), Some(right)) => self.pairs.set(pair_bit(left, right)),
            (Some(left), None) if is_part_of_three(right) => self.before_part.set(left as usize),
            (None, Some(right)) if left_is_part => self.after_part.set(right as usize),
            (None, None) if left_is_part && is_part_of_three(right) => {
                // Every character that begins with these bytes.
                for code in 0x800..=0xFFFF_u32 {
                    let mut bytes = [0; 4];
                    let character =
                        char::from_u32(code).map(|character| character.encode_utf8(&mut bytes));
                    if character.is_some_and(|character| character.as_bytes().starts_with(right)) {
                        self.after_part.set(code as usize);
                    }
                }
            }
            // A neighbour of another length.
            _ => {}
        }
    }

    /// Whether a token may reach over the boundary between two characters. True for some pairs where none does, never
    /// false for one where one does.
    #[inline]
    pub(super) fn may_cross(&self, left: u32, right: u32) -> bool {
        self.pairs.get(pair_bit(left, right))
            | self.before_part.get(left as usize)
            | self.after_part.get(right as usize)
    }
}

#[inline]
fn pair_bit(left: u32, right: u32) -> usize {
    ((left << 16 | right).wrapping_mul(0x9E37_79B1) >> 14) as usize
}

/// The code point of a character of three bytes that begins a slice; of no use if it does not.
#[inline]
pub(super) fn code_of(bytes: [u8; 3]) -> u32 {
    let [lead, middle, last] = bytes.map(u32::from);
    (lead & 0x0F) << 12 | (middle & 0x3F) << 6 | last & 0x3F
}

/// The code point if these are the bytes of one character of three.
fn whole(bytes: &[u8]) -> Option<u32> {
    match bytes {
        &[lead @ 0xE0..=0xEF, middle, last] => Some(code_of([lead, middle, last])),
        _ => None,
    }
}

/// Whether these are the first bytes of a character of three, and not all.
fn is_part_of_three(bytes: &[u8]) -> bool {
    matches!(bytes, [0xE0..=0xEF] | [0xE0..=0xEF, _])
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// The bytes of the last character; without its first ones if they are missing.
fn last_character(bytes: &[u8]) -> &[u8] {
    let tail = bytes
        .iter()
        .rev()
        .take(3)
        .take_while(|&&byte| is_continuation(byte))
        .count();
    &bytes[bytes.len().saturating_sub(tail + 1)..]
}

/// The bytes of the first character; without its last ones if they are missing.
fn first_character(bytes: &[u8]) -> &[u8] {
    let tail = bytes[1..]
        .iter()
        .take(3)
        .take_while(|&&byte| is_continuation(byte))
        .count();
    &bytes[..=tail]
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const PACKED: [&[u8]; 2] = [
        splintr_vocab_cl100k::CL100K_BASE_VOCAB_PACKED,
        splintr_vocab_o200k::O200K_BASE_VOCAB_PACKED,
    ];

    #[test]
    fn characters_at_the_ends_of_a_token_may_be_parts() {
        assert_eq!(last_character("a中".as_bytes()), "中".as_bytes());
        assert_eq!(last_character(&"中".as_bytes()[1..]), &[0xB8, 0xAD]);
        assert_eq!(last_character(b"ab"), b"b");
        assert_eq!(first_character("中a".as_bytes()), "中".as_bytes());
        assert_eq!(first_character(&"中".as_bytes()[..2]), &[0xE4, 0xB8]);
        assert_eq!(whole("中".as_bytes()), Some('中' as u32));
    }

    /// Every boundary of every token, against all characters that its bytes there could be of.
    #[test]
    fn no_token_reaches_over_a_boundary_that_is_said_to_be_free() {
        let (mut ending, mut beginning) = (HashMap::new(), HashMap::new());
        for character in (0x800..=0xFFFF_u32).filter_map(char::from_u32) {
            let text = character.to_string();
            for length in 1..=3 {
                let (begin, end) = (&text.as_bytes()[..length], &text.as_bytes()[3 - length..]);
                let codes: &mut Vec<u32> = beginning.entry(begin.to_vec()).or_default();
                codes.push(character as u32);
                let codes: &mut Vec<u32> = ending.entry(end.to_vec()).or_default();
                codes.push(character as u32);
            }
        }
        for packed in PACKED {
            let vocabulary = Vocabulary::new(packed);
            let crossings = Crossings::of(&vocabulary);
            let mut pairs = 0;
            for token in vocabulary.tokens() {
                for at in (1..token.len()).filter(|&at| !is_continuation(token[at])) {
                    let left = ending.get(last_character(&token[..at]));
                    let right = beginning.get(first_character(&token[at..]));
                    for &left in left.into_iter().flatten() {
                        for &right in right.into_iter().flatten() {
                            assert!(crossings.may_cross(left, right), "{left:x} {right:x}");
                            pairs += 1;
                        }
                    }
                }
            }
            assert!(pairs > 1_000, "{pairs} pairs");
        }
    }

    #[test]
    fn most_boundaries_are_free() {
        let text: Vec<char> = "人生而自由在尊严和权利上一律平等他们赋有理性和良心"
            .chars()
            .collect();
        for packed in PACKED {
            let crossings = Crossings::of(&Vocabulary::new(packed));
            let crossed = text
                .windows(2)
                .filter(|pair| crossings.may_cross(pair[0] as u32, pair[1] as u32));
            assert!(crossed.count() < 12);
        }
    }
}
