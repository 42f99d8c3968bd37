//! Which entities a search text may name.
//!
//! A query is short, often without capitals and rarely a sentence, so the extractor alone misses much. Besides what it
//! finds, every run of a few words is a candidate; the store knows which of them exist.

use std::collections::HashSet;

use graphmill_documents::words::jieba;

use crate::script::is_han;
use crate::{Extractor, LocalExtractor, normal_form};

/// A query is read up to here.
const MAX_QUERY_CHARS: usize = 1_000;
/// Longest run of words that is tried as a name.
const MAX_WORDS: usize = 5;
/// The most candidates that are returned.
const MAX_KEYS: usize = 512;

impl LocalExtractor {
    /// Returns the keys of entities that `text` may name: first those that the extractor finds, in order, then the normal
    /// forms of all runs of up to five words, longer ones first. Without repetition, at most 512.
    ///
    /// Whoever asks looks the keys up: most candidates are entities of no collection.
    pub fn keys_in_query(&self, text: &str) -> Vec<String> {
        let text = text
            .char_indices()
            .nth(MAX_QUERY_CHARS)
            .map_or(text, |(end, _)| &text[..end]);
        let found = self
            .extract(&[text])
            .into_iter()
            .flat_map(|extraction| extraction.mentions)
            .map(|mention| mention.key);
        let mut seen = HashSet::new();
        found
            .chain(runs(text))
            .filter(|key| !key.is_empty() && seen.insert(key.clone()))
            .take(MAX_KEYS)
            .collect()
    }
}

/// Normal forms of all runs of words. A single character of Chinese, or a single letter, names nothing.
fn runs(text: &str) -> impl Iterator<Item = String> {
    let words: Vec<(usize, &str)> = words(text);
    let mut keys = Vec::new();
    for length in (1..=MAX_WORDS.min(words.len())).rev() {
        for run in words.windows(length) {
            let (start, (last, word)) = (run[0].0, run[length - 1]);
            let key = normal_form(&text[start..last + word.len()]);
            if key.chars().nth(1).is_some() {
                keys.push(key);
            }
        }
    }
    keys.into_iter()
}

/// Words with their first byte: Chinese by dictionary, others by white space and punctuation.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let separates = |c: char| !(c.is_alphanumeric() || "-.+#/_&'’".contains(c));
    let mut start = 0;
    for run in text.split_inclusive(separates) {
        let word = run.trim_end_matches(separates);
        if word.contains(is_han) {
            words.extend(
                jieba()
                    .cut(word, true)
                    .into_iter()
                    .map(|token| (start + token.byte_start, token.word)),
            );
        } else if !word.is_empty() {
            words.push((start, word));
        }
        start += run.len();
    }
    words
}
