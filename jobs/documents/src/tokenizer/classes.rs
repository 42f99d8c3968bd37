//! What the split patterns want to know of a character.
//!
//! The general categories come from `regex-syntax`, whose tables the reference tokenizers use too, so a character that
//! a new version of Unicode assigns changes sides in both.

use regex_syntax::hir::{Class, HirKind};

/// The classes that the patterns tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Punctuation, symbols, controls, unassigned.
    Other,
    /// `Lu` and `Lt`.
    Upper,
    /// `Ll`.
    Lower,
    /// `Lm` and `Lo`: Han, kana, Hangul, Arabic, …
    Uncased,
    /// `M`: combining marks, which are no letters.
    Mark,
    /// `N`.
    Number,
    /// White space that does not end a line.
    Space,
    /// Carriage return and line feed.
    Newline,
    /// Behind the last character.
    End,
}

impl Kind {
    /// Whether it is in the category `L`.
    #[inline]
    pub(super) fn is_letter(self) -> bool {
        matches!(self, Self::Upper | Self::Lower | Self::Uncased)
    }
}

/// The kind of every code point.
pub(super) struct Kinds(Vec<Kind>);

impl Kinds {
    /// Reads the categories; about 3,000 ranges.
    pub(super) fn new() -> Self {
        let mut kinds = vec![Kind::Other; 0x11_0000];
        for (category, kind) in [
            (r"\p{Lu}", Kind::Upper),
            (r"\p{Lt}", Kind::Upper),
            (r"\p{Ll}", Kind::Lower),
            (r"\p{Lm}", Kind::Uncased),
            (r"\p{Lo}", Kind::Uncased),
            (r"\p{M}", Kind::Mark),
            (r"\p{N}", Kind::Number),
        ] {
            for range in ranges(category) {
                kinds[range].fill(kind);
            }
        }
        for character in (0..=u16::MAX).filter_map(|code| char::from_u32(u32::from(code))) {
            if character.is_whitespace() {
                kinds[character as usize] = Kind::Space;
            }
        }
        kinds['\r' as usize] = Kind::Newline;
        kinds['\n' as usize] = Kind::Newline;
        Self(kinds)
    }

    /// The kind of the character that begins at `at`, and how many bytes it has: 0 at the end.
    ///
    /// `text` is UTF-8 and `at` is on a character boundary; otherwise the answer is of no use, but there is one.
    #[inline]
    pub(super) fn at(&self, text: &[u8], at: usize) -> (Kind, usize) {
        match text.get(at) {
            None => (Kind::End, 0),
            Some(&byte) if byte < 0x80 => (ASCII[usize::from(byte)], 1),
            // U+5000–U+9FFF: nothing but Han.
            Some(0xE5..=0xE9) => (Kind::Uncased, 3),
            Some(&lead) => self.wide(text, at, lead),
        }
    }

    fn wide(&self, text: &[u8], at: usize, lead: u8) -> (Kind, usize) {
        let tail = |offset: usize| {
            let byte = text.get(at + offset).copied().unwrap_or_default();
            usize::from(byte & 0x3F)
        };
        let lead_bits = usize::from(lead);
        let (code, length) = match lead {
            0x80..=0xDF => ((lead_bits & 0x1F) << 6 | tail(1), 2),
            0xE0..=0xEF => ((lead_bits & 0x0F) << 12 | tail(1) << 6 | tail(2), 3),
            _ => (
                (lead_bits & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3),
                4,
            ),
        };
        (self.0.get(code).copied().unwrap_or(Kind::Other), length)
    }
}

/// The code points of a general category.
fn ranges(category: &str) -> Vec<std::ops::RangeInclusive<usize>> {
    let parsed = regex_syntax::parse(category).map(regex_syntax::hir::Hir::into_kind);
    let Ok(HirKind::Class(Class::Unicode(class))) = parsed else {
        unreachable!("the feature `unicode-gencat` knows {category}");
    };
    class
        .iter()
        .map(|range| range.start() as usize..=range.end() as usize)
        .collect()
}

/// The kinds of ASCII, without the detour over the large table.
const ASCII: [Kind; 128] = {
    let mut kinds = [Kind::Other; 128];
    let mut byte = 0;
    while byte < 128_u8 {
        kinds[byte as usize] = match byte {
            b'A'..=b'Z' => Kind::Upper,
            b'a'..=b'z' => Kind::Lower,
            b'0'..=b'9' => Kind::Number,
            b'\r' | b'\n' => Kind::Newline,
            b' ' | b'\t' | 0x0B | 0x0C => Kind::Space,
            _ => Kind::Other,
        };
        byte += 1;
    }
    kinds
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_cuts_agree_with_the_table() {
        let kinds = Kinds::new();
        for character in (0..=0xFFFF_u32).filter_map(char::from_u32) {
            let mut buffer = [0; 4];
            let bytes = character.encode_utf8(&mut buffer).as_bytes();
            let expected = (kinds.0[character as usize], bytes.len());
            assert_eq!(kinds.at(bytes, 0), expected, "{character:?}");
        }
    }

    #[test]
    fn kinds_of_known_characters() {
        let kinds = Kinds::new();
        for (character, kind) in [
            ('é', Kind::Lower),
            ('Ж', Kind::Upper),
            ('ǅ', Kind::Upper),
            ('ʰ', Kind::Uncased),
            ('の', Kind::Uncased),
            ('䷀', Kind::Other),
            ('\u{301}', Kind::Mark),
            ('Ⅷ', Kind::Number),
            ('\u{3000}', Kind::Space),
            ('\u{85}', Kind::Space),
            ('。', Kind::Other),
            ('😀', Kind::Other),
            ('𠀀', Kind::Uncased),
        ] {
            let text = character.to_string();
            assert_eq!(kinds.at(text.as_bytes(), 0).0, kind, "{character:?}");
        }
    }
}
