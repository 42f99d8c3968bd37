//! English: tokens, parts of speech, noun phrases.

mod kinds;
mod phrases;
mod tagger;
mod tokens;
mod words;

use std::ops::Range;

pub(crate) use tagger::{Tagger, Upos};

use super::{Findings, Verb};
use tokens::TokenKind;

/// Finds names and noun phrases in the sentence at `range` of `text`.
pub(crate) fn sentence(tagger: &Tagger, text: &str, range: Range<usize>) -> Findings {
    let tokens = tokens::tokenize(text, range);
    let words: Vec<&str> = tokens
        .iter()
        .map(|token| &text[token.bytes.clone()])
        .collect();
    let tags = tagger.tag(&words);
    let verbs = tokens
        .iter()
        .zip(&words)
        .zip(&tags)
        .filter(|((token, word), tag)| {
            token.kind == TokenKind::Word
                && **tag == Some(Upos::Verb)
                && word.len() > 1
                && !words::is_light_verb(word)
        })
        .map(|((token, word), _)| Verb {
            start: token.bytes.start,
            label: word.to_lowercase(),
        })
        .collect();
    Findings {
        names: phrases::find(&tokens, &words, &tags),
        verbs,
    }
}
