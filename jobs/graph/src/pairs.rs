//! Which entities stand together in a sentence.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::extract::Verb;
use crate::script::has_han;
use crate::{Cooccurrence, Mention};

/// Label of a pair of which the text says that both are the same: `北风机器人（Northwind Robotics）`.
const ALIAS: &str = "alias";

/// Returns the pairs of one sentence, ordered by source and target.
///
/// `mentions` are the sentence's, in order; `range` are its bytes in `text`. A sentence with more than `max` different
/// entities gives its aliases only.
pub(crate) fn of_sentence(
    text: &str,
    range: &Range<usize>,
    sentence: u32,
    mentions: &[Mention],
    verbs: &[Verb],
    max: usize,
) -> Vec<Cooccurrence> {
    let mut first: Vec<&Mention> = Vec::new();
    for mention in mentions {
        if first.len() > max {
            break;
        }
        if !first.iter().any(|known| known.key == mention.key) {
            first.push(mention);
        }
    }
    let mut labels: BTreeMap<(&str, &str), Option<String>> = BTreeMap::new();
    if first.len() <= max {
        for (i, left) in first.iter().enumerate() {
            for right in &first[i + 1..] {
                labels.insert(ordered(left, right), verb_between(left, right, verbs));
            }
        }
    }
    for pair in mentions.windows(2) {
        if pair[0].key != pair[1].key && is_alias(text, &pair[0], &pair[1]) {
            labels.insert(ordered(&pair[0], &pair[1]), Some(ALIAS.to_owned()));
        }
    }
    labels
        .into_iter()
        .map(|((source, target), label)| Cooccurrence {
            source: source.to_owned(),
            target: target.to_owned(),
            label,
            sentence,
            start: range.start,
            end: range.end,
        })
        .collect()
}

fn ordered<'a>(left: &'a Mention, right: &'a Mention) -> (&'a str, &'a str) {
    let (a, b) = (left.key.as_str(), right.key.as_str());
    if a < b { (a, b) } else { (b, a) }
}

/// The verb between two mentions, where there is exactly one.
fn verb_between(left: &Mention, right: &Mention, verbs: &[Verb]) -> Option<String> {
    let from = verbs.partition_point(|verb| verb.start < left.end);
    let to = verbs.partition_point(|verb| verb.start < right.start);
    (from + 1 == to).then(|| verbs[from].label.clone())
}

/// A name directly followed by another one in brackets, in the other script or as its initials.
fn is_alias(text: &str, name: &Mention, bracketed: &Mention) -> bool {
    let opens = matches!(text[name.end..bracketed.start].trim_start(), "(" | "（");
    let closes = text[bracketed.end..].starts_with([')', '）']);
    opens
        && closes
        && (has_han(&name.surface) != has_han(&bracketed.surface)
            || is_acronym(&bracketed.surface, &name.surface))
}

/// `FSF` of `Free Software Foundation`.
fn is_acronym(short: &str, long: &str) -> bool {
    let initials = long
        .split([' ', '-'])
        .filter_map(|word| word.chars().next())
        .filter(|c| c.is_uppercase());
    short.chars().count() >= 2 && initials.eq(short.chars())
}
