//! Puts the tagger's word limits right where the script settles them: at spaces, and around Latin words.
//!
//! Taggers of Chinese see Latin letters as characters like any other, cut `PostgreSQL` in two and glue `Debian` to what
//! follows. A Latin word becomes one word; it stays glued to Chinese characters only where it is a short abbreviation in
//! a noun: `BSD许可证`, `GNU通用公共许可证`.

use super::word::{Tag, Word};
use crate::script::is_han;

/// Longest Latin part of a mixed word.
const MAX_GLUED: usize = 4;

/// Returns the words with corrected limits.
pub(super) fn repair(chars: &[char], words: Vec<Word>) -> Vec<Word> {
    if !chars.iter().any(|&c| c == ' ' || is_latin(c)) {
        return words;
    }
    let mut starts = vec![false; chars.len() + 1];
    let mut tags = vec![Tag::Function; chars.len()];
    for word in words {
        starts[word.start] = true;
        tags[word.start..word.end].fill(word.tag);
    }
    let mut at = 0;
    while at < chars.len() {
        let end = run_end(chars, at);
        if chars[at] == ' ' {
            (starts[at], starts[at + 1]) = (true, true);
        } else if chars[at..end]
            .iter()
            .any(|c| c.is_alphabetic() && !is_han(*c))
        {
            starts[at + 1..end].fill(false);
            let glues = |neighbour: Option<&char>, tag: Tag| {
                neighbour.is_some_and(|&c| is_han(c))
                    && (tag.is_nominal() || tag.is_name())
                    && end - at <= MAX_GLUED
            };
            starts[at] |= !glues(at.checked_sub(1).and_then(|i| chars.get(i)), tags[at]);
            starts[end] |= !glues(chars.get(end), tags[end - 1]);
        }
        at = end;
    }
    let mut cuts = (0..chars.len()).filter(|&i| starts[i]).chain([chars.len()]);
    let mut start = cuts.next().unwrap_or_default();
    cuts.map(|end| {
        let tag = if chars[start] == ' ' {
            Tag::Punctuation
        } else {
            tags[end - 1]
        };
        let word = Word { start, end, tag };
        start = end;
        word
    })
    .collect()
}

/// Letters and digits of other scripts; a sign between two of them belongs to the word.
fn run_end(chars: &[char], start: usize) -> usize {
    if !is_latin(chars[start]) {
        return start + 1;
    }
    let mut end = start + 1;
    while let Some(&c) = chars.get(end) {
        let joins = matches!(
            c,
            '-' | '.' | '_' | '+' | '#' | '&' | '\'' | '/' | ':' | '@'
        );
        let follows = chars
            .get(end + 1)
            .is_some_and(|&next| is_latin(next) || (joins && next == '/'));
        if is_latin(c)
            || (joins && follows)
            || (c == '/' && chars[end - 1] == '/')
            || matches!(c, '+' | '#')
        {
            end += 1;
        } else {
            break;
        }
    }
    end
}

/// True for letters and digits as they are written in Latin text. A bare number is left to the tagger, which reads
/// `2024年` as one word.
fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic()
        || (c.is_alphabetic() && !is_han(c) && (c as u32) < 0x2000)
        || c.is_ascii_digit()
}

/// True when the word is Latin throughout.
pub(super) fn is_latin_word(chars: &[char]) -> bool {
    chars.first().is_some_and(|&c| is_latin(c))
        && !chars.iter().any(|&c| is_han(c))
        && chars.iter().any(|c| c.is_alphabetic())
}
