//! Cuts an English sentence as the tagger's training text was cut: `don't` is `do` `n't`, `Ada's` is `Ada` `'s`.

use std::ops::Range;

use crate::extract::latin::is_address;
use crate::script::{is_han, is_word_char};

/// What a token is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Word,
    /// Digits, with points and commas in them.
    Number,
    /// A run of Chinese characters.
    Han,
    /// An address, a path: never part of a phrase.
    Address,
    Punctuation,
}

/// A token; `bytes` are of the whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) bytes: Range<usize>,
    pub(super) kind: TokenKind,
}

/// Cuts the sentence at `range` of `text`.
pub(super) fn tokenize(text: &str, range: Range<usize>) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = range.start;
    while rest < range.end {
        let run = text[rest..range.end]
            .split(char::is_whitespace)
            .next()
            .unwrap_or_default();
        if is_address(run) {
            tokens.push(Token {
                bytes: rest..rest + run.len(),
                kind: TokenKind::Address,
            });
        } else {
            cut_run(text, rest..rest + run.len(), &mut tokens);
        }
        rest += run.len();
        let space = text[rest..range.end].chars().next();
        let length = space.map_or(0, char::len_utf8);
        if space == Some('\n') && is_row_end(text, rest) {
            tokens.push(Token {
                bytes: rest..rest + length,
                kind: TokenKind::Punctuation,
            });
        }
        rest += length;
    }
    tokens
}

/// Tells whether the line break at `at` ends a row of a table, whose cells are separated by ` | `: a name never goes on
/// from the last cell of one row to the first of the next. In running text a line break is a space.
fn is_row_end(text: &str, at: usize) -> bool {
    let before = text[..at].rsplit('\n').next().unwrap_or_default();
    let after = text[at + 1..].split('\n').next().unwrap_or_default();
    before.contains(" | ") || after.contains(" | ")
}

fn cut_run(text: &str, run: Range<usize>, tokens: &mut Vec<Token>) {
    let mut at = run.start;
    while at < run.end {
        let rest = &text[at..run.end];
        let first = rest
            .chars()
            .next()
            .expect("`at` lies before the end of the run");
        let (length, kind) = if is_han(first) {
            (
                rest.find(|c| !is_han(c)).unwrap_or(rest.len()),
                TokenKind::Han,
            )
        } else if is_word_char(first) {
            let length = word_length(rest);
            let number = rest[..length]
                .chars()
                .all(|c| c.is_numeric() || matches!(c, '.' | ',' | '-'));
            (
                length,
                if number {
                    TokenKind::Number
                } else {
                    TokenKind::Word
                },
            )
        } else {
            (first.len_utf8(), TokenKind::Punctuation)
        };
        let bytes = at..at + length;
        match kind {
            TokenKind::Word => split_contraction(text, bytes, tokens),
            _ => tokens.push(Token { bytes, kind }),
        }
        at += length;
    }
}

/// A sign inside a word belongs to it when a letter or digit follows; `C++` and `C#` keep theirs.
fn word_length(text: &str) -> usize {
    let mut end = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|&(_, c)| c);
        let joins = matches!(c, '-' | '.' | '\'' | '’' | '_' | '&' | '/' | '+')
            || (c == ',' && next.is_some_and(|n| n.is_ascii_digit()));
        if is_word_char(c)
            || (joins && next.is_some_and(is_word_char))
            || (end > 0 && matches!(c, '+' | '#'))
        {
            end = at + c.len_utf8();
        } else {
            break;
        }
    }
    // `1,000` is one number, but a comma after a word ends it.
    match text[..end].find(',') {
        Some(comma) if !text[..comma].chars().all(|c| c.is_ascii_digit()) => comma,
        _ => end,
    }
}

fn split_contraction(text: &str, bytes: Range<usize>, tokens: &mut Vec<Token>) {
    let word = &text[bytes.clone()];
    let cut = word
        .rfind(['\'', '’'])
        .filter(|&quote| quote > 0)
        .and_then(|quote| {
            let tail = word[quote..]
                .trim_start_matches(['\'', '’'])
                .to_ascii_lowercase();
            match tail.as_str() {
                "t" if word[..quote].ends_with(['n', 'N']) => Some(quote - 1),
                "s" | "re" | "ve" | "ll" | "d" | "m" => Some(quote),
                _ => None,
            }
        });
    let cut = bytes.start + cut.filter(|&cut| cut > 0).unwrap_or(word.len());
    tokens.push(Token {
        bytes: bytes.start..cut,
        kind: TokenKind::Word,
    });
    if cut < bytes.end {
        tokens.push(Token {
            bytes: cut..bytes.end,
            kind: TokenKind::Word,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_a_table_ends_at_its_line_and_running_text_does_not() {
        let breaks = |text: &str| {
            tokenize(text, 0..text.len())
                .iter()
                .filter(|token| &text[token.bytes.clone()] == "\n")
                .count()
        };
        assert_eq!(breaks("bulletin | Zhou Min\nSB-2025 | Chen Hao\n"), 2);
        assert_eq!(breaks("the Free Software\nFoundation in Boston"), 0);
    }

    fn words(text: &str) -> Vec<&str> {
        tokenize(text, 0..text.len())
            .into_iter()
            .map(|t| &text[t.bytes])
            .collect()
    }

    #[test]
    fn words_signs_and_contractions_are_cut_apart() {
        assert_eq!(
            words("Ada's dog doesn't bark."),
            ["Ada", "'s", "dog", "does", "n't", "bark", "."]
        );
        assert_eq!(
            words("debian-installer, C++ (v1.2)"),
            ["debian-installer", ",", "C++", "(", "v1.2", ")"]
        );
        assert_eq!(
            words("see https://a.b/c 1,000 times"),
            ["see", "https://a.b/c", "1,000", "times"]
        );
        assert_eq!(words("Northwind (北风)"), ["Northwind", "(", "北风", ")"]);
        assert_eq!(words("red,green"), ["red", ",", "green"]);
    }
}
