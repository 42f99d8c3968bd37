//! The tokens of a vocabulary and their ranks: a hash table over the packed bytes of the executable.

use super::load::hash;

/// How the data crates pack a vocabulary: this, the number of tokens (u32, little-endian), then for each its rank and its
/// length (LEB128) and its bytes.
const MAGIC: &[u8; 8] = b"SPLNTRV1";

/// Tokens by their bytes.
pub(super) struct Vocabulary {
    packed: &'static [u8],
    /// Open addressing; a power of two of slots, at most half of them taken.
    slots: Vec<Slot>,
    longest: usize,
}

/// One token; `length` 0 is an empty slot.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Where its bytes begin in the packed data.
    offset: u32,
    rank: u32,
    length: u16,
    /// Bits of the hash, so that most strangers are told without a look at their bytes.
    tag: u16,
}

impl Vocabulary {
    /// Reads a packed vocabulary.
    ///
    /// # Panics
    /// If the data is not of that form; a test reads each that is compiled in.
    pub(super) fn new(packed: &'static [u8]) -> Self {
        let (magic, rest) = packed.split_at(MAGIC.len());
        assert_eq!(magic, MAGIC, "a vocabulary in the known form");
        let count = rest
            .first_chunk()
            .map(|bytes| u32::from_le_bytes(*bytes))
            .unwrap_or_default() as usize;
        let mut vocabulary = Self {
            packed,
            slots: vec![Slot::default(); (count * 2).next_power_of_two()],
            longest: 0,
        };
        let mut at = MAGIC.len() + size_of::<u32>();
        for _ in 0..count {
            let rank = read_varint(packed, &mut at);
            let length = read_varint(packed, &mut at) as usize;
            vocabulary.insert(at, length, rank);
            at += length;
        }
        assert_eq!(
            at,
            packed.len(),
            "a vocabulary that ends with its last token"
        );
        vocabulary
    }

    fn insert(&mut self, offset: usize, length: usize, rank: u32) {
        let hash = hash(&self.packed[offset..offset + length]);
        let mut index = self.home(hash);
        while self.slots[index].length > 0 {
            index = (index + 1) & (self.slots.len() - 1);
        }
        self.slots[index] = Slot {
            offset: offset as u32,
            rank,
            length: length as u16,
            tag: hash as u16,
        };
        self.longest = self.longest.max(length);
    }

    fn home(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.slots.len() - 1)
    }

    /// The rank of a token; `None` if these bytes are none.
    pub(super) fn rank(&self, bytes: &[u8]) -> Option<u32> {
        if bytes.is_empty() || bytes.len() > self.longest {
            return None;
        }
        let hash = hash(bytes);
        let mut index = self.home(hash);
        loop {
            let slot = &self.slots[index];
            if slot.length == 0 {
                return None;
            }
            if slot.tag == hash as u16
                && usize::from(slot.length) == bytes.len()
                && self.bytes(slot) == bytes
            {
                return Some(slot.rank);
            }
            index = (index + 1) & (self.slots.len() - 1);
        }
    }

    fn bytes(&self, slot: &Slot) -> &'static [u8] {
        let start = slot.offset as usize;
        &self.packed[start..start + usize::from(slot.length)]
    }

    /// The bytes of every token, in no order.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &'static [u8]> {
        self.slots
            .iter()
            .filter(|slot| slot.length > 0)
            .map(|slot| self.bytes(slot))
    }
}

fn read_varint(packed: &[u8], at: &mut usize) -> u32 {
    let mut value = 0;
    for shift in (0..32).step_by(7) {
        let byte = packed[*at];
        *at += 1;
        value |= u32::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vocabularies_are_whole() {
        for (packed, count) in [
            (splintr_vocab_cl100k::CL100K_BASE_VOCAB_PACKED, 100_256),
            (splintr_vocab_o200k::O200K_BASE_VOCAB_PACKED, 199_998),
        ] {
            let vocabulary = Vocabulary::new(packed);
            assert_eq!(vocabulary.tokens().count(), count);
            let mut ranks: Vec<u32> = vocabulary
                .tokens()
                .filter_map(|token| vocabulary.rank(token))
                .collect();
            ranks.sort_unstable();
            assert!(ranks.into_iter().eq(0..count as u32));
            assert!(vocabulary.longest <= crate::tokenizer::Tokenizer::LONGEST_TOKEN);
            for byte in 0..=u8::MAX {
                assert!(vocabulary.rank(&[byte]).is_some(), "{byte}");
            }
            assert_eq!(vocabulary.rank(b""), None);
            assert_eq!(vocabulary.rank(&[b'x'; 500]), None);
        }
    }
}
