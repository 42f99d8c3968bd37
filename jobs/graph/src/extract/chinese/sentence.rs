//! A Chinese sentence as characters, each with its place in the text.
//!
//! A line break inside a sentence is layout: between two Chinese characters it is left out, so that a word which runs
//! over the end of a line stays one word; elsewhere it counts as a space.

use std::ops::Range;

use crate::script::is_han;

/// A tagger sees at most this many characters at once; longer sentences are cut, at punctuation where there is some.
const MAX_CHARS: usize = 256;
/// How far back from the limit a better place to cut is looked for.
const CUT_WINDOW: usize = 96;

/// Characters for the tagger.
#[derive(Debug, Clone)]
pub(super) struct Sentence {
    pub(super) chars: Vec<char>,
    /// First byte in the text, for each character.
    offsets: Vec<usize>,
}

impl Sentence {
    /// Reads `range` of `text`, in pieces of bounded length.
    pub(super) fn pieces(text: &str, range: Range<usize>) -> Vec<Self> {
        let mut whole = Self::read(text, range);
        let mut pieces = Vec::new();
        while whole.chars.len() > MAX_CHARS {
            let cut = (MAX_CHARS - CUT_WINDOW..MAX_CHARS)
                .rev()
                .find(|&i| !whole.chars[i].is_alphanumeric())
                .map_or(MAX_CHARS, |i| i + 1);
            let rest = Self {
                chars: whole.chars.split_off(cut),
                offsets: whole.offsets.split_off(cut),
            };
            pieces.push(std::mem::replace(&mut whole, rest));
        }
        pieces.push(whole);
        pieces
    }

    fn read(text: &str, range: Range<usize>) -> Self {
        let mut sentence = Self {
            chars: Vec::new(),
            offsets: Vec::new(),
        };
        let mut break_at = None;
        for (offset, c) in text[range.clone()].char_indices() {
            let offset = range.start + offset;
            if c.is_whitespace() && (break_at.is_some() || c == '\n' || c == '\r') {
                break_at = break_at.or(Some(offset));
                continue;
            }
            if let Some(at) = break_at.take()
                && !(is_han(c) && sentence.chars.last().is_some_and(|&last| is_han(last)))
            {
                sentence.push(' ', at);
            }
            sentence.push(if c.is_whitespace() { ' ' } else { c }, offset);
        }
        sentence
    }

    fn push(&mut self, c: char, offset: usize) {
        self.chars.push(c);
        self.offsets.push(offset);
    }

    /// Returns the bytes of the text that a range of characters covers. The range must not end in a space.
    pub(super) fn bytes(&self, range: Range<usize>) -> Range<usize> {
        let last = range.end - 1;
        self.offsets[range.start]..self.offsets[last] + self.chars[last].len_utf8()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_between_chinese_characters_is_left_out() {
        let text = "自由软\n  件基金会 发布\nGNU";
        let pieces = Sentence::pieces(text, 0..text.len());
        assert_eq!(
            pieces[0].chars.iter().collect::<String>(),
            "自由软件基金会 发布 GNU"
        );
        assert_eq!(&text[pieces[0].bytes(2..4)], "软\n  件");
    }

    #[test]
    fn long_sentences_are_cut_behind_punctuation() {
        let text = "一二三四五六七八九，".repeat(100);
        let pieces = Sentence::pieces(&text, 0..text.len());
        assert!(
            pieces
                .iter()
                .all(|p| p.chars.len() <= MAX_CHARS && p.chars.last() == Some(&'，'))
        );
        assert_eq!(pieces.iter().map(|p| p.chars.len()).sum::<usize>(), 1000);
    }
}
