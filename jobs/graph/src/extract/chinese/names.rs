//! From tagged words to entities.
//!
//! - Typed words are entities: persons, places, organisations, works, dates.
//! - Latin words with the shape of a name are entities, so that a Chinese and an English document meet in `Kubernetes`.
//! - A run of nouns is a concept; an organisation when it ends like one (自由 + 软件 + 基金会).
//! - An organisation and the nouns behind it are one name when the joined string occurs more than once in the text.

use super::model::fold_char;
use super::sentence::Sentence;
use super::spelling::is_latin_word;
use super::word::{Tag, Word};
use super::words::{is_empty_noun, is_empty_start, is_light_verb, is_organization};
use crate::EntityType;
use crate::extract::english::{Tagger, Upos};
use crate::extract::latin::{is_name_like, is_plain, is_version};
use crate::extract::{Findings, Found, Verb};
use crate::script::is_han;

/// Longest noun run and longest Latin name, in words.
const MAX_RUN: usize = 5;
const MAX_LATIN_WORDS: usize = 6;
/// Longest entity in characters.
const MAX_CHARS: usize = 24;
/// A single common noun of fewer characters is too general: 系统, 用户.
const MIN_SINGLE_CHARS: usize = 3;
/// A lower-case Latin word of fewer letters is no name: `ls`, `of`.
const MIN_LOWER_CHARS: usize = 3;

/// Appends what the words of one piece name.
pub(super) fn find(
    text: &str,
    sentence: &Sentence,
    words: &[Word],
    english: &Tagger,
    out: &mut Findings,
) {
    let finder = Finder {
        text,
        sentence,
        words,
        english,
    };
    let mut at = 0;
    while at < words.len() {
        let (length, entity_type) = finder.entity_at(at);
        if let Some(entity_type) = entity_type {
            let chars = words[at].start..words[at + length - 1].end;
            out.names.push(Found {
                bytes: sentence.bytes(chars),
                entity_type,
            });
        } else if length == 1 && words[at].tag == Tag::Verb {
            let label = finder.word(at);
            if label.chars().all(is_han) && !is_light_verb(&finder.folded(at, 1)) {
                out.verbs.push(Verb {
                    start: sentence.bytes(words[at].start..words[at].end).start,
                    label,
                });
            }
        }
        at += length;
    }
}

struct Finder<'a> {
    text: &'a str,
    sentence: &'a Sentence,
    words: &'a [Word],
    english: &'a Tagger,
}

impl Finder<'_> {
    /// Returns how many words belong together from `at`, and what they are, if anything.
    fn entity_at(&self, at: usize) -> (usize, Option<EntityType>) {
        let word = self.words[at];
        if is_latin_word(self.chars(at, 1)) {
            return self.latin_name(at);
        }
        if word.tag == Tag::Time {
            let dated = self.chars(at, 1).iter().any(char::is_ascii_digit)
                && self.length(at, 1) >= MIN_SINGLE_CHARS;
            return (1, dated.then_some(EntityType::Time));
        }
        if word.tag.is_name() || word.tag.is_nominal() {
            return self.run(at);
        }
        (1, None)
    }

    /// A name or noun and the nouns right behind it.
    fn run(&self, at: usize) -> (usize, Option<EntityType>) {
        let nouns = self.words[at + 1..]
            .iter()
            .enumerate()
            .take_while(|(i, word)| {
                word.tag.is_nominal() && !is_latin_word(self.chars(at + 1 + i, 1))
            })
            .count();
        if self.words[at].tag.is_name() {
            self.typed_name(at, nouns)
        } else {
            self.noun_run(at, 1 + nouns)
        }
    }

    /// A typed word, joined with some of the `nouns` words behind it where they are one name.
    fn typed_name(&self, at: usize, nouns: usize) -> (usize, Option<EntityType>) {
        let tag = self.words[at].tag;
        for length in (2..=(1 + nouns).min(MAX_RUN)).rev() {
            let joined = self.folded(at, length);
            let organization =
                matches!(tag, Tag::Organization | Tag::Place) && is_organization(&joined);
            if organization || (tag == Tag::Organization && self.occurs_again(at, length)) {
                return (length, Some(EntityType::Organization));
            }
        }
        let entity_type = match tag {
            Tag::Person => EntityType::Person,
            Tag::Place => EntityType::Location,
            Tag::Organization => EntityType::Organization,
            _ => EntityType::Product,
        };
        (
            1,
            (self.length(at, 1) >= 2 && self.is_clean(at, 1)).then_some(entity_type),
        )
    }

    fn noun_run(&self, at: usize, whole: usize) -> (usize, Option<EntityType>) {
        let mut length = whole.min(MAX_RUN);
        if is_empty_start(&self.folded(at, 1)) {
            return (1, None);
        }
        while length > 1 && is_empty_noun(&self.folded(at + length - 1, 1)) {
            length -= 1;
        }
        let name = self.folded(at, length);
        let last = self.words[at + length - 1].tag;
        let proper = self.words[at..at + length]
            .iter()
            .any(|word| word.tag == Tag::ProperNoun);
        let long_enough = length > 1 || proper || self.length(at, 1) >= MIN_SINGLE_CHARS;
        if !self.is_clean(at, length)
            || !long_enough
            || self.length(at, length) < 2
            || is_empty_noun(&name)
        {
            return (length, None);
        }
        let entity_type = if is_organization(&name) && length > 1 {
            EntityType::Organization
        } else if length == 1 && last == Tag::ProperNoun {
            EntityType::Product
        } else if matches!(last, Tag::Noun | Tag::ProperNoun | Tag::VerbalNoun) {
            EntityType::Concept
        } else {
            return (length, None);
        };
        (length, Some(entity_type))
    }

    /// `Kubernetes`, `Ian Murdock`, `Aurora X2`, `Debian 12`: Latin words with single spaces between.
    fn latin_name(&self, at: usize) -> (usize, Option<EntityType>) {
        let first = self.word(at);
        if !is_name_like(&first) {
            let known = self
                .english
                .most_frequent(&first)
                .is_some_and(|tag| tag != Upos::Propn);
            let name = is_plain(&first)
                && !known
                && !first.contains('/')
                && self.length(at, 1) >= MIN_LOWER_CHARS;
            return (1, name.then_some(EntityType::Other));
        }
        let mut length = 1;
        while length + 2 < 2 * MAX_LATIN_WORDS && self.continues(at + length) {
            length += 2;
        }
        if length == 1 && (self.length(at, 1) < 2 || self.is_function_word(&first)) {
            return (1, None);
        }
        let tag = self.words[at].tag;
        let same = self.words[at..at + length]
            .iter()
            .all(|word| word.tag == tag || word.tag == Tag::Punctuation);
        let entity_type = match tag {
            Tag::Person if same => EntityType::Person,
            Tag::Organization if same => EntityType::Organization,
            Tag::Place if same => EntityType::Location,
            _ => EntityType::Other,
        };
        (length, Some(entity_type))
    }

    /// True when at `space` there is one space, and behind it a word that goes on with a Latin name.
    fn continues(&self, space: usize) -> bool {
        let is_space = self
            .words
            .get(space)
            .is_some_and(|w| self.sentence.chars[w.start..w.end] == [' ']);
        is_space
            && self.words.get(space + 1).is_some_and(|_| {
                let word = self.word(space + 1);
                let measured = self
                    .words
                    .get(space + 2)
                    .is_some_and(|next| next.tag == Tag::Measure);
                is_name_like(&word) || (is_version(&word) && !measured)
            })
    }

    fn is_function_word(&self, word: &str) -> bool {
        !word.chars().skip(1).any(char::is_uppercase)
            && self.english.most_frequent(word).is_some_and(|tag| {
                !matches!(tag, Upos::Propn | Upos::Noun | Upos::Verb | Upos::Adj)
            })
    }

    /// True when the words stand elsewhere in the text as well.
    fn occurs_again(&self, at: usize, length: usize) -> bool {
        let bytes = self
            .sentence
            .bytes(self.words[at].start..self.words[at + length - 1].end);
        let joined = &self.text[bytes.clone()];
        self.text[..bytes.start].contains(joined) || self.text[bytes.end..].contains(joined)
    }

    /// True when there is nothing but letters and digits in it, at least two of them Chinese, and it is not too long.
    fn is_clean(&self, at: usize, length: usize) -> bool {
        let chars = self.chars(at, length);
        chars.len() <= MAX_CHARS
            && chars
                .iter()
                .all(|c| c.is_alphanumeric() || matches!(c, '·' | '-' | '+' | '#' | '.'))
            && chars.iter().filter(|&&c| is_han(c)).count() >= 2
    }

    fn chars(&self, at: usize, length: usize) -> &[char] {
        &self.sentence.chars[self.words[at].start..self.words[at + length - 1].end]
    }

    fn length(&self, at: usize, length: usize) -> usize {
        self.chars(at, length).len()
    }

    fn word(&self, at: usize) -> String {
        self.chars(at, 1).iter().collect()
    }

    /// In simplified characters, as the lists are.
    fn folded(&self, at: usize, length: usize) -> String {
        self.chars(at, length)
            .iter()
            .map(|&c| fold_char(c))
            .collect()
    }
}
