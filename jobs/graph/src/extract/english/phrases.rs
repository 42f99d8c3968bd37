//! Names and noun phrases from tagged tokens.
//!
//! Neighbours are merged left to right: name + name → name, noun + noun and adjective + noun → phrase, phrase + noun →
//! phrase, adjective + adjective → adjective. One pass with a stack reaches the fixpoint, because each merge only ever
//! touches the top. Names are kept alone, phrases when they have two words or a hyphen.

use std::ops::Range;

use super::kinds::{self, Context};
use super::tagger::Upos;
use super::tokens::{Token, TokenKind};
use super::words::{
    is_calendar, is_empty_adjective, is_empty_noun, is_label, is_month, is_organization_head,
    is_title,
};
use crate::EntityType;
use crate::extract::Found;
use crate::extract::latin::{is_name_like, is_plain, is_version};

/// Longest phrase and longest name, in words.
const MAX_PHRASE_WORDS: usize = 5;
const MAX_NAME_WORDS: usize = 8;
/// Longest run of Chinese characters that is taken as a name in an English sentence.
const MAX_HAN_CHARS: usize = 12;

/// What a token can be in a phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Name,
    Noun,
    Phrase,
    Adjective,
    /// A number that may follow a name.
    Version,
    Han,
    Other,
}

/// A merged run of tokens.
#[derive(Debug, Clone)]
struct Group {
    role: Role,
    tokens: Range<usize>,
}

/// Returns the entities of a sentence in order.
pub(super) fn find(tokens: &[Token], words: &[&str], tags: &[Option<Upos>]) -> Vec<Found> {
    let groups = merge(tokens, &roles(tokens, words, tags));
    let groups = join_of(groups, tokens, words);
    groups
        .into_iter()
        .filter_map(|group| to_entity(&group, tokens, words))
        .collect()
}

fn roles(tokens: &[Token], words: &[&str], tags: &[Option<Upos>]) -> Vec<Role> {
    let title_case = is_title_case(tokens, words);
    let is_capital = |i: usize| {
        tokens.get(i).is_some_and(|t| t.kind == TokenKind::Word)
            && words[i].starts_with(char::is_uppercase)
    };
    let mut starts = true;
    (0..tokens.len())
        .map(|i| {
            let role = match tokens[i].kind {
                TokenKind::Word => {
                    // The first word is capitalised anyway; it belongs to a name when the name goes on.
                    let telling = !title_case && is_capital(i) && (!starts || is_capital(i + 1));
                    word_role(words[i], tags[i], telling, starts || title_case)
                }
                TokenKind::Number if is_version(words[i]) => Role::Version,
                TokenKind::Han => Role::Han,
                _ => Role::Other,
            };
            starts &= tokens[i].kind != TokenKind::Word;
            role
        })
        .collect()
}

/// `telling`: the capital means a name. `unsure`: it means nothing.
fn word_role(word: &str, tag: Option<Upos>, telling: bool, unsure: bool) -> Role {
    let name_like = is_name_like(word);
    let inner_capital = name_like && word.chars().skip(1).any(char::is_uppercase);
    match tag {
        _ if !is_plain(word) => Role::Other,
        None if name_like => Role::Name,
        None | Some(Upos::Noun) if !name_like => Role::Noun,
        Some(Upos::Propn) => {
            if name_like {
                Role::Name
            } else {
                Role::Noun
            }
        }
        Some(Upos::Adj | Upos::Noun) if name_like && telling => Role::Name,
        Some(Upos::Verb | Upos::Num) if telling && !unsure => Role::Name,
        Some(Upos::Noun | Upos::Verb | Upos::Adj) if inner_capital && !unsure => Role::Name,
        Some(Upos::Noun) => Role::Noun,
        Some(Upos::Adj) => Role::Adjective,
        _ => Role::Other,
    }
}

/// True for headings and other text in which capitals say nothing.
fn is_title_case(tokens: &[Token], words: &[&str]) -> bool {
    let long = || {
        tokens
            .iter()
            .zip(words)
            .filter(|(t, w)| t.kind == TokenKind::Word && w.len() > 3)
            .map(|(_, w)| w)
    };
    let capitals = long().filter(|w| w.starts_with(char::is_uppercase)).count();
    let total = long().count();
    total >= 3 && capitals * 10 >= total * 8
}

fn merge(tokens: &[Token], roles: &[Role]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (i, &role) in roles.iter().enumerate() {
        let joined = groups
            .last()
            .filter(|top| is_beside(tokens, top.tokens.end - 1))
            .and_then(|top| pair(top.role, role));
        match (joined, groups.last_mut()) {
            (Some(role), Some(top)) => {
                *top = Group {
                    role,
                    tokens: top.tokens.start..i + 1,
                }
            }
            _ => groups.push(Group {
                role,
                tokens: i..i + 1,
            }),
        }
    }
    groups
}

fn pair(left: Role, right: Role) -> Option<Role> {
    match (left, right) {
        (Role::Name, Role::Name | Role::Version) => Some(Role::Name),
        (Role::Noun | Role::Phrase | Role::Adjective, Role::Noun) => Some(Role::Phrase),
        (Role::Adjective, Role::Adjective) => Some(Role::Adjective),
        _ => None,
    }
}

/// True when white space stands between token `i` and the next.
fn is_beside(tokens: &[Token], i: usize) -> bool {
    tokens.get(i + 1).is_some_and(|next| {
        let gap = next.bytes.start - tokens[i].bytes.end;
        (1..=4).contains(&gap)
    })
}

/// `University` `of` `Oxford` is one name.
fn join_of(groups: Vec<Group>, tokens: &[Token], words: &[&str]) -> Vec<Group> {
    let mut joined: Vec<Group> = Vec::with_capacity(groups.len());
    for group in groups {
        let start = group.tokens.start;
        let of = joined.len().checked_sub(1).filter(|&of| {
            group.role == Role::Name
                && words[joined[of].tokens.start] == "of"
                && is_beside(tokens, start - 1)
                && of > 0
                && is_beside(tokens, joined[of].tokens.start - 1)
                && is_organization_head(words[joined[of - 1].tokens.end - 1])
                && matches!(joined[of - 1].role, Role::Name | Role::Noun)
                && words[joined[of - 1].tokens.end - 1].starts_with(char::is_uppercase)
        });
        match of {
            Some(of) => {
                joined.truncate(of);
                let head = joined.last_mut().expect("`of` is not the first group");
                *head = Group {
                    role: Role::Name,
                    tokens: head.tokens.start..group.tokens.end,
                };
            }
            None => joined.push(group),
        }
    }
    joined
}

fn to_entity(group: &Group, tokens: &[Token], words: &[&str]) -> Option<Found> {
    let mut range = group.tokens.clone();
    let entity_type = match group.role {
        Role::Name => return to_name(range, tokens, words),
        Role::Noun if is_compound(words[range.start]) => EntityType::Concept,
        Role::Phrase => {
            while range.len() > 1 && is_empty_adjective(words[range.start]) {
                range.start += 1;
            }
            let meaningful = !is_empty_noun(words[range.end - 1])
                && (range.len() > 1 || is_compound(words[range.start]))
                && range.len() <= MAX_PHRASE_WORDS
                && words[range.clone()].iter().any(|word| word.len() > 2);
            if !meaningful {
                return None;
            }
            EntityType::Concept
        }
        Role::Han if (2..=MAX_HAN_CHARS).contains(&words[range.start].chars().count()) => {
            EntityType::Other
        }
        _ => return None,
    };
    Some(found(&range, tokens, entity_type))
}

fn to_name(mut range: Range<usize>, tokens: &[Token], words: &[&str]) -> Option<Found> {
    if let Some(date) = to_date(&range, tokens, words) {
        return Some(date);
    }
    let mut titled = false;
    while !range.is_empty() && (is_title(words[range.start]) || is_label(words[range.start])) {
        titled |= is_title(words[range.start]);
        range.start += 1;
    }
    while !range.is_empty() && (is_calendar(words[range.end - 1]) || is_label(words[range.end - 1]))
    {
        range.end -= 1;
    }
    let name = &words[range.clone()];
    let worth = name.len() <= MAX_NAME_WORDS
        && name
            .first()
            .is_some_and(|word| !is_version(word) && !is_calendar(word))
        && (name.len() > 1 || name.iter().all(|word| word.chars().nth(1).is_some()));
    if !worth {
        return None;
    }
    let word_at = |i: usize| words.get(i).copied();
    let before = range.start.checked_sub(1).and_then(word_at);
    let context = Context {
        before: match before {
            // `Dr. Ada`: the stop is the abbreviation's.
            Some(".") => range
                .start
                .checked_sub(2)
                .and_then(word_at)
                .filter(|word| is_title(word)),
            _ => before,
        },
        after: [word_at(range.end), word_at(range.end + 1)],
    };
    let entity_type = kinds::of_name(name, &context);
    let entity_type = if titled && entity_type == EntityType::Other {
        EntityType::Person
    } else {
        entity_type
    };
    Some(found(&range, tokens, entity_type))
}

/// `March 2024`, `12 March 2024`, `March 12, 2024`.
fn to_date(range: &Range<usize>, tokens: &[Token], words: &[&str]) -> Option<Found> {
    let is_year = |i: usize| {
        words
            .get(i)
            .is_some_and(|w| w.len() == 4 && w.bytes().all(|b| b.is_ascii_digit()))
    };
    let is_day = |i: usize| {
        words
            .get(i)
            .is_some_and(|w| w.len() <= 2 && w.bytes().all(|b| b.is_ascii_digit()))
    };
    let month = range.start;
    if !is_month(words[month]) || range.len() > 2 {
        return None;
    }
    let mut end = month + 1;
    if is_day(end) {
        end += 1;
        end += usize::from(words.get(end) == Some(&","));
    }
    if !is_year(end) {
        return None;
    }
    let start = month - usize::from(month > 0 && is_day(month - 1));
    Some(found(&(start..end + 1), tokens, EntityType::Time))
}

/// `debian-installer`: two words in one token.
fn is_compound(word: &str) -> bool {
    let mut parts = word.split('-');
    word.contains('-') && parts.all(|part| part.len() > 1 && part.chars().all(char::is_alphabetic))
}

fn found(range: &Range<usize>, tokens: &[Token], entity_type: EntityType) -> Found {
    Found {
        bytes: tokens[range.start].bytes.start..tokens[range.end - 1].bytes.end,
        entity_type,
    }
}
