//! The table of a SentencePiece normaliser ("precompiled charsmap"): character sequences and what replaces them.
//!
//! Layout: u32 length of the trie in bytes; a darts-clone double array of u32 units; replacement strings, each ended by
//! a zero byte. The trie maps a sequence to the offset of its replacement. Of several sequences the longest wins.

/// Why a charsmap was refused.
#[derive(Debug, thiserror::Error)]
#[error("charsmap is cut short or not zero-terminated UTF-8")]
pub(crate) struct InvalidCharsmap;

pub(super) struct Charsmap {
    units: Vec<u32>,
    replacements: String,
    /// ASCII bytes that stand for themselves whenever another ASCII byte or nothing follows.
    plain: [bool; 128],
}

impl Charsmap {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, InvalidCharsmap> {
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or(InvalidCharsmap)?;
        let (trie, replacements) = rest
            .split_at_checked(u32::from_le_bytes(*length) as usize)
            .ok_or(InvalidCharsmap)?;
        let units = trie
            .chunks_exact(4)
            .map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]]))
            .collect();
        let replacements = std::str::from_utf8(replacements)
            .map_err(|_| InvalidCharsmap)?
            .to_owned();
        let mut map = Self {
            units,
            replacements,
            plain: [false; 128],
        };
        for byte in 0..128u8 {
            map.plain[usize::from(byte)] = byte != b' ' && map.stands_for_itself(byte);
        }
        Ok(map)
    }

    /// Whether `byte` is copied unchanged when `next` follows it, without asking the trie.
    #[inline]
    pub(super) fn is_plain(&self, byte: u8, next: Option<&u8>) -> bool {
        byte < 128 && self.plain[usize::from(byte)] && next.is_none_or(u8::is_ascii)
    }

    /// The longest sequence at the start of `text` that the table replaces: its length in bytes and the replacement.
    #[inline]
    pub(super) fn replace(&self, text: &str) -> Option<(usize, &str)> {
        let mut longest = None;
        let mut at = offset(self.unit(0)?);
        for (index, &byte) in text.as_bytes().iter().enumerate() {
            at ^= usize::from(byte);
            let Some(unit) = self.unit(at) else { break };
            if label(unit) != u32::from(byte) {
                break;
            }
            at ^= offset(unit);
            if unit >> 8 & 1 == 1 {
                longest = self
                    .unit(at)
                    .map(|leaf| (index + 1, (leaf & 0x7fff_ffff) as usize));
            }
        }
        let (length, start) = longest.filter(|&(length, _)| text.is_char_boundary(length))?;
        let tail = self.replacements.get(start..)?;
        Some((length, &tail[..tail.find('\0')?]))
    }

    fn unit(&self, at: usize) -> Option<u32> {
        self.units.get(at).copied()
    }

    fn stands_for_itself(&self, byte: u8) -> bool {
        let Some(root) = self.unit(0) else {
            return true;
        };
        let at = offset(root) ^ usize::from(byte);
        let Some(unit) = self.unit(at).filter(|&unit| label(unit) == u32::from(byte)) else {
            return true;
        };
        let child = at ^ offset(unit);
        let continues = |next: u8| {
            self.unit(child ^ usize::from(next))
                .is_some_and(|unit| label(unit) == u32::from(next))
        };
        unit >> 8 & 1 == 0 && !(1..128).any(continues)
    }
}

/// The byte that leads to this unit; a value above 255 for leaves.
fn label(unit: u32) -> u32 {
    unit & 0x8000_00ff
}

/// Distance to the children, to be XORed with the unit's index.
fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & 0x200) >> 6)) as usize
}
