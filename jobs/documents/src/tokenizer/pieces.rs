//! Cuts a text into pieces, the units that byte-pair merging never crosses.
//!
//! By hand what the reference does with a regular expression and backtracking; the patterns (`openai_public.py` of
//! tiktoken 0.9, MIT) are, one alternative a line, first match wins:
//!
//! ```text
//! cl100k                                  o200k
//! '(?i:[sdmt]|ll|ve|re)                   [^\r\n\p{L}\p{N}]?U*W+C?
//! [^\r\n\p{L}\p{N}]?+\p{L}++              [^\r\n\p{L}\p{N}]?U+W*C?
//! \p{N}{1,3}+                             \p{N}{1,3}
//!  ?[^\s\p{L}\p{N}]++[\r\n]*+              ?[^\s\p{L}\p{N}]+[\r\n/]*
//! \s++$                                   \s*[\r\n]+
//! \s*[\r\n]                               \s+(?!\S)
//! \s+(?!\S)                               \s+
//! \s
//! U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]   W = [\p{Ll}\p{Lm}\p{Lo}\p{M}]   C = (?i:'s|'t|'re|'ve|'m|'ll|'d)
//! ```
//!
//! None looks back, and a text that is cut off behind a character that is not white space has the same pieces up to the
//! last one: that is what lets a chunk's tokens be the difference of two sums. Each character is looked at a bounded
//! number of times.

use super::classes::{Kind, Kinds};

/// Which of the two patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    Cl100k,
    O200k,
}

/// Where the piece that begins at `at` ends; behind `at`, unless that is the end of the text.
#[inline]
pub(super) fn piece_end(pattern: Pattern, kinds: &Kinds, text: &[u8], at: usize) -> usize {
    let (kind, length) = kinds.at(text, at);
    let next = at + length;
    let word = match pattern {
        Pattern::Cl100k => plain_word(kinds, text, at, kind, next),
        Pattern::O200k => cased_word(kinds, text, at, kind, next),
    };
    if let Some(end) = word {
        return end;
    }
    match kind {
        Kind::Number => number_end(kinds, text, next),
        Kind::Space if text[at] != b' ' => space_end(pattern, kinds, text, at),
        Kind::Space => {
            let (after, length) = kinds.at(text, next);
            if matches!(after, Kind::Other | Kind::Mark) {
                signs_end(pattern, kinds, text, next + length)
            } else {
                space_end(pattern, kinds, text, at)
            }
        }
        Kind::Newline => space_end(pattern, kinds, text, at),
        Kind::End => at,
        // Letters are words, which have returned.
        _ => signs_end(pattern, kinds, text, next),
    }
}

/// The first two alternatives of cl100k, at a character of `kind` that ends at `next`.
#[inline]
fn plain_word(kinds: &Kinds, text: &[u8], at: usize, kind: Kind, next: usize) -> Option<usize> {
    match kind {
        Kind::Upper | Kind::Lower | Kind::Uncased => Some(letters_end(kinds, text, next)),
        Kind::Space | Kind::Other | Kind::Mark => {
            if text[at] == b'\''
                && let Some(end) = contraction_end(text, at)
            {
                return Some(end);
            }
            let (after, length) = kinds.at(text, next);
            after
                .is_letter()
                .then(|| letters_end(kinds, text, next + length))
        }
        _ => None,
    }
}

/// One past the letters from `at` on.
#[inline]
fn letters_end(kinds: &Kinds, text: &[u8], mut at: usize) -> usize {
    loop {
        while let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk) {
            let letters = ascii_letters(u64::from_le_bytes(*word), 0x20);
            at += letters;
            if letters < 8 {
                break;
            }
        }
        let (kind, length) = kinds.at(text, at);
        if !kind.is_letter() {
            return at;
        }
        at += length;
    }
}

/// How many of the first bytes of a word of eight are ASCII letters: `a–z` once `fold` is laid over each.
#[inline]
fn ascii_letters(word: u64, fold: u8) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    let low = (word | (ONES * u64::from(fold))) & !HIGH;
    // The high bit of a byte of each sum says whether its low bits reach the bound; no byte carries into the next.
    let from_a = low + (0x80 - u64::from(b'a')) * ONES;
    let past_z = low + (0x7F - u64::from(b'z')) * ONES;
    let others = !(from_a & !past_z & !word) & HIGH;
    others.trailing_zeros() as usize / 8
}

/// The first two alternatives of o200k, at a character of `kind` that ends at `next`.
#[inline]
fn cased_word(kinds: &Kinds, text: &[u8], at: usize, kind: Kind, next: usize) -> Option<usize> {
    let end = match kind {
        Kind::Upper | Kind::Lower | Kind::Uncased => match case_run(kinds, text, at) {
            Run::Mixed(end) | Run::Upper(end) => end,
        },
        Kind::Space | Kind::Other => match case_run(kinds, text, next) {
            Run::Upper(end) if end == next => return None,
            Run::Mixed(end) | Run::Upper(end) => end,
        },
        // A mark is a prefix like any other sign, and if that leads nowhere, a letter.
        Kind::Mark => match case_run(kinds, text, next) {
            Run::Mixed(end) => end,
            Run::Upper(_) => match case_run(kinds, text, at) {
                Run::Mixed(end) | Run::Upper(end) => end,
            },
        },
        _ => return None,
    };
    Some(contraction_end(text, end).unwrap_or(end))
}

/// What `U*W+` and `U+W*` match.
enum Run {
    /// Up to here by the first of them.
    Mixed(usize),
    /// Up to here by the second, capitals only; nothing at all if it ends where it began.
    Upper(usize),
}

#[inline]
fn case_run(kinds: &Kinds, text: &[u8], start: usize) -> Run {
    let mut at = start;
    let mut last_uncased = None;
    loop {
        let (kind, length) = kinds.at(text, at);
        match kind {
            Kind::Upper => at += length,
            Kind::Uncased | Kind::Mark => {
                at += length;
                last_uncased = Some(at);
            }
            Kind::Lower => return Run::Mixed(lower_end(kinds, text, at)),
            _ => break,
        }
    }
    // `W+` needs a character that `U*` took: the last one it can have.
    last_uncased.map_or(Run::Upper(at), Run::Mixed)
}

#[inline]
fn lower_end(kinds: &Kinds, text: &[u8], mut at: usize) -> usize {
    loop {
        while let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk) {
            let letters = ascii_letters(u64::from_le_bytes(*word), 0);
            at += letters;
            if letters < 8 {
                break;
            }
        }
        let (kind, length) = kinds.at(text, at);
        if !matches!(kind, Kind::Lower | Kind::Uncased | Kind::Mark) {
            return at;
        }
        at += length;
    }
}

/// One past the contraction whose apostrophe is at `at`; without case, by Unicode, where `ſ` is an `s`.
#[inline]
fn contraction_end(text: &[u8], at: usize) -> Option<usize> {
    if text.get(at) != Some(&b'\'') {
        return None;
    }
    let letter = |offset: usize| text.get(at + offset).map(u8::to_ascii_lowercase);
    match (letter(1)?, letter(2)) {
        (b's' | b'd' | b'm' | b't', _) => Some(at + 2),
        (b'l', Some(b'l')) | (b'v' | b'r', Some(b'e')) | (0xC5, Some(0xBF)) => Some(at + 3),
        _ => None,
    }
}

/// One past a number of which one digit is read: at most three.
fn number_end(kinds: &Kinds, text: &[u8], mut at: usize) -> usize {
    for _ in 0..2 {
        let (kind, length) = kinds.at(text, at);
        if kind != Kind::Number {
            break;
        }
        at += length;
    }
    at
}

/// One past a run of signs of which one is read, and what the pattern lets follow.
fn signs_end(pattern: Pattern, kinds: &Kinds, text: &[u8], mut at: usize) -> usize {
    loop {
        let (kind, length) = kinds.at(text, at);
        if !matches!(kind, Kind::Other | Kind::Mark) {
            break;
        }
        at += length;
    }
    while let Some(byte) = text.get(at) {
        let follows = matches!(byte, b'\r' | b'\n') || (*byte == b'/' && pattern == Pattern::O200k);
        if !follows {
            break;
        }
        at += 1;
    }
    at
}

/// One past the white space that begins at `at` and is one piece.
fn space_end(pattern: Pattern, kinds: &Kinds, text: &[u8], at: usize) -> usize {
    let mut end = at;
    let mut last = at;
    let mut newline = None;
    loop {
        let (kind, length) = kinds.at(text, end);
        match kind {
            Kind::Newline => newline = Some(end + length),
            Kind::Space => {}
            _ => break,
        }
        last = end;
        end += length;
    }
    let is_last = end == text.len();
    match newline {
        _ if is_last && pattern == Pattern::Cl100k => end,
        Some(newline) => newline,
        None if is_last || last == at => end,
        // The last one belongs to what follows.
        None => last,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pattern: Pattern, text: &str) -> Vec<&str> {
        let kinds = Kinds::new();
        let mut at = 0;
        let mut pieces = Vec::new();
        while at < text.len() {
            let end = piece_end(pattern, &kinds, text.as_bytes(), at);
            pieces.push(&text[at..end]);
            at = end;
        }
        pieces
    }

    #[test]
    fn words_take_one_sign_before_them() {
        assert_eq!(
            cut(Pattern::Cl100k, "I'll go(now), don't WAIT!\n\nx"),
            [
                "I", "'ll", " go", "(now", "),", " don", "'t", " WAIT", "!\n\n", "x"
            ]
        );
        assert_eq!(
            cut(Pattern::O200k, "I'll go(now), don't WAITFor it!\n/x"),
            [
                "I'll", " go", "(now", "),", " don't", " WAITFor", " it", "!\n/", "x"
            ]
        );
    }

    #[test]
    fn numbers_have_three_digits_and_spaces_leave_the_last_one() {
        for pattern in [Pattern::Cl100k, Pattern::O200k] {
            assert_eq!(
                cut(pattern, "1234567   a \t 1"),
                ["123", "456", "7", "  ", " a", " \t", " ", "1"]
            );
            assert_eq!(cut(pattern, "a \n \n  b"), ["a", " \n \n", " ", " b"]);
        }
        assert_eq!(cut(Pattern::Cl100k, "a \n  "), ["a", " \n  "]);
        assert_eq!(cut(Pattern::O200k, "a \n  "), ["a", " \n", "  "]);
    }

    #[test]
    fn han_is_one_run_with_the_sign_before_it() {
        assert_eq!(
            cut(Pattern::Cl100k, "知识图谱，中文ABc。”好"),
            ["知识图谱", "，中文ABc", "。”", "好"]
        );
        assert_eq!(
            cut(Pattern::O200k, "知识ABC 中文ABc\u{301}\u{302}"),
            ["知识", "ABC", " 中文ABc\u{301}\u{302}"]
        );
    }
}
