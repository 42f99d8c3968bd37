//! The type of an English name, where its form or its neighbours settle it.
//!
//! Without a trained model most names stay [`EntityType::Other`]: a wrong type is worse than none, because types are
//! decided by majority when documents meet.

use super::words::{is_organization_head, is_organization_tail, is_role, is_title};
use crate::EntityType;

/// What stands around a name in its sentence.
pub(super) struct Context<'a> {
    /// The word before, without a full stop between.
    pub(super) before: Option<&'a str>,
    /// The first two tokens behind.
    pub(super) after: [Option<&'a str>; 2],
}

/// Returns the type of the name made of `words`.
pub(super) fn of_name(words: &[&str], context: &Context<'_>) -> EntityType {
    let first = words.first().copied().unwrap_or_default();
    let last = words.last().copied().unwrap_or_default();
    if words.len() > 1
        && (is_organization_tail(last) || (is_organization_head(first) && words.contains(&"of")))
    {
        EntityType::Organization
    } else if looks_like_person(words) && is_person(words, context) {
        EntityType::Person
    } else {
        EntityType::Other
    }
}

fn is_person(words: &[&str], context: &Context<'_>) -> bool {
    if context
        .before
        .is_some_and(|word| is_title(word) && word.starts_with(char::is_uppercase))
    {
        return true;
    }
    let [next, second] = context.after;
    words.len() >= 2
        && (context.before.is_some_and(is_role)
            || next == Some("who")
            || (next == Some(",") && second.is_some_and(|word| word == "who" || is_role(word))))
}

/// One to three capitalised words of letters; initials count.
fn looks_like_person(words: &[&str]) -> bool {
    words.len() <= 3
        && words.iter().all(|word| {
            let mut chars = word.chars();
            chars.next().is_some_and(char::is_uppercase)
                && chars.all(|c| {
                    c.is_lowercase() || matches!(c, '-' | '\'' | '’' | '.') || c.is_uppercase()
                })
        })
        && words
            .last()
            .is_some_and(|last| last.chars().any(char::is_lowercase))
}
