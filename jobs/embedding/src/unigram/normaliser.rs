//! SentencePiece's text normalisation, with the way back to the original bytes.
//!
//! Sequences are replaced by the charsmap (NFKC and whitespace of all kinds), runs of spaces collapse, spaces at both
//! ends vanish, one space is put in front, and every space is then written `▁`. For each byte of the result it is kept
//! where its source began in the original.

use super::charsmap::Charsmap;

/// How SentencePiece writes a space: U+2581.
pub(super) const SPACE: &str = "▁";

#[derive(Default)]
pub(super) struct Normalised {
    pub(super) text: String,
    /// For each byte of `text`, where in the original the sequence that produced it begins.
    pub(super) origins: Vec<usize>,
}

impl Normalised {
    pub(super) fn new(map: &Charsmap, original: &str) -> Self {
        let mut result = Self::default();
        result
            .text
            .reserve(original.len() + original.len() / 4 + SPACE.len());
        result
            .origins
            .reserve(original.len() + original.len() / 4 + SPACE.len());
        // A space is only owed, and is written when something follows it: so runs collapse and the last one vanishes.
        let mut owed_space = Some(0);
        let bytes = original.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if map.is_plain(bytes[at], bytes.get(at + 1)) {
                result.pay(&mut owed_space);
                result.text.push(char::from(bytes[at]));
                result.origins.push(at);
                at += 1;
                continue;
            }
            let rest = &original[at..];
            let own = rest.chars().next().map_or(rest.len(), char::len_utf8);
            let (consumed, replacement) = map.replace(rest).unwrap_or((own, &rest[..own]));
            for part in replacement.split_inclusive(' ') {
                let word = part.strip_suffix(' ').unwrap_or(part);
                if !word.is_empty() {
                    result.pay(&mut owed_space);
                    result.push(word, at);
                }
                if word.len() < part.len() {
                    owed_space.get_or_insert(at);
                }
            }
            at += consumed;
        }
        result
    }

    fn pay(&mut self, owed_space: &mut Option<usize>) {
        if let Some(origin) = owed_space.take() {
            self.push(SPACE, origin);
        }
    }

    fn push(&mut self, part: &str, origin: usize) {
        self.text.push_str(part);
        self.origins.resize(self.text.len(), origin);
    }
}
