//! Which entities a question names.
//!
//! Two readers propose names: the extractor that read the documents, and a plain one that takes every run of up to eight
//! words (a Han character counts as a word) — questions are short, often without capitals or verbs, and taggers miss
//! names in them. Both propose normal forms with the range they stand at; the store knows which are entities. Of names
//! inside names only the longest counts: "Debian Project" is not also "project".

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
    sync::Arc,
};

use graphmill_graph::normal_form;
use graphmill_store::graph::EntityRecord;

use crate::{Result, Retriever};

/// Words of the longest name that the plain reader proposes.
const MAX_NAME_WORDS: usize = 8;
/// Words of a question that the plain reader looks at; the extractor reads all of it.
const MAX_WORDS: usize = 160;
/// Entities that start a walk.
pub(crate) const MAX_SEEDS: usize = 16;

/// Returns the entities that `text` names, in the order in which they stand, at most [`MAX_SEEDS`].
pub(crate) async fn named_in(
    retriever: &Retriever,
    tenant: &str,
    text: &str,
) -> Result<Vec<EntityRecord>> {
    // The first range of a key is its longest: "the Debian Project" has the key of "Debian Project".
    let mut places: BTreeMap<String, Range<usize>> = BTreeMap::new();
    let extracted = extracted(retriever, vec![text.to_owned()]).await?;
    for (key, range) in names(text).into_iter().chain(extracted) {
        places.entry(key).or_insert(range);
    }
    // Names without a letter or digit have the empty key.
    places.remove("");
    let keys: Vec<String> = places.keys().cloned().collect();
    let known = retriever.store.entities_by_keys(tenant, &keys).await?;

    let mut found: Vec<(Range<usize>, EntityRecord)> = known
        .into_iter()
        .filter_map(|entity| Some((places.get(&entity.key)?.clone(), entity)))
        .collect();
    found.sort_by(|a, b| (b.0.len(), a.0.start, &a.1.key).cmp(&(a.0.len(), b.0.start, &b.1.key)));
    let mut kept: Vec<(Range<usize>, EntityRecord)> = Vec::new();
    for (range, entity) in found {
        let inside = kept
            .iter()
            .any(|(outer, _)| outer.start <= range.start && range.end <= outer.end);
        if !inside {
            kept.push((range, entity));
        }
    }
    kept.sort_by_key(|(range, _)| range.start);
    kept.truncate(MAX_SEEDS);
    Ok(kept.into_iter().map(|(_, entity)| entity).collect())
}

/// Returns the entities that `texts` name by the extractor alone, the rarest first, at most [`MAX_SEEDS`].
pub(crate) async fn named_in_chunks(
    retriever: &Retriever,
    tenant: &str,
    texts: Vec<String>,
) -> Result<Vec<EntityRecord>> {
    let keys: HashSet<String> = extracted(retriever, texts)
        .await?
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    let mut keys: Vec<String> = keys.into_iter().collect();
    keys.sort_unstable();
    let mut known = retriever.store.entities_by_keys(tenant, &keys).await?;
    known.sort_by(|a, b| (a.chunks, &a.key).cmp(&(b.chunks, &b.key)));
    known.truncate(MAX_SEEDS);
    Ok(known)
}

async fn extracted(
    retriever: &Retriever,
    texts: Vec<String>,
) -> Result<Vec<(String, Range<usize>)>> {
    let extractor = Arc::clone(&retriever.extractor);
    let extractions = tokio::task::spawn_blocking(move || {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        extractor.extract(&texts)
    })
    .await?;
    Ok(extractions
        .into_iter()
        .flat_map(|extraction| extraction.mentions)
        .map(|mention| (mention.key, mention.start..mention.end))
        .collect())
}

/// Proposes every run of words as a name: its normal form and where it stands.
fn names(text: &str) -> Vec<(String, Range<usize>)> {
    let words = words(text);
    let mut names = Vec::new();
    for first in 0..words.len() {
        let mut end = words[first].start;
        for word in words[first..].iter().take(MAX_NAME_WORDS) {
            if !text[end..word.start].chars().all(is_joiner) {
                break;
            }
            end = word.end;
            let range = words[first].start..end;
            names.push((normal_form(&text[range.clone()]), range));
        }
    }
    names
}

/// Tells whether a name may go on over this character.
fn is_joiner(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\'' | '’' | '·' | '.' | '&' | '/' | '_' | '+')
}

/// Returns the ranges of words: runs of letters and digits, Han characters one by one.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    // Whether the last word may grow.
    let mut open = false;
    for (start, c) in text.char_indices() {
        let end = start + c.len_utf8();
        match (c.is_alphanumeric(), is_han(c)) {
            (false, _) => open = false,
            (true, true) => {
                words.push(start..end);
                open = false;
            }
            (true, false) if open => {
                if let Some(word) = words.last_mut() {
                    word.end = end;
                }
            }
            (true, false) => {
                words.push(start..end);
                open = true;
            }
        }
        if words.len() > MAX_WORDS {
            words.truncate(MAX_WORDS);
            break;
        }
    }
    words
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{323AF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn surfaces(text: &str) -> Vec<&str> {
        names(text)
            .into_iter()
            .map(|(_, range)| &text[range])
            .collect()
    }

    #[test]
    fn runs_of_words_are_proposed_and_stop_at_punctuation() {
        let found = surfaces("the Debian Project, founded");
        assert!(found.contains(&"Debian Project"));
        assert!(found.contains(&"founded"));
        assert!(!found.iter().any(|name| name.contains(',')));
    }

    #[test]
    fn hyphens_and_dots_hold_a_name_together() {
        let found = surfaces("HX-7 v2.1");
        assert!(found.contains(&"HX-7"));
        assert!(found.contains(&"HX-7 v2.1"));
    }

    #[test]
    fn chinese_names_are_found_without_spaces_and_across_scripts() {
        let found = surfaces("谁制定了BSD许可协议?");
        assert!(found.contains(&"BSD许可协议"));
        assert!(found.contains(&"许可协议"));
    }

    proptest! {
        #[test]
        fn proposals_are_bounded_and_lie_on_characters(text in "\\PC{0,400}") {
            let found = names(&text);
            prop_assert!(found.len() <= MAX_WORDS * MAX_NAME_WORDS);
            for (_, range) in found {
                prop_assert!(text.get(range).is_some());
            }
        }
    }
}
