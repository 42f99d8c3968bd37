//! Whether a full stop ends its sentence or its word.

/// Longest word looked at before a full stop, in bytes: longer ones are no abbreviations, and the bound keeps the time
/// linear on text without spaces.
const MAX_WORD_BYTES: usize = 24;

/// Never the last word of a sentence: titles, references, Latin shorthands.
const NEVER_LAST: &[&str] = &[
    "adm", "al", "approx", "ca", "capt", "cf", "cmdr", "col", "dr", "ed", "eds", "e.g", "esp",
    "fr", "gen", "gov", "hon", "i.e", "incl", "lt", "maj", "messrs", "mr", "mrs", "ms", "mt",
    "pres", "prof", "rep", "resp", "rev", "sen", "sgt", "st", "viz", "vs",
];

/// Abbreviations only before a number: `No. 5`, `Fig. 3`, `Jan. 7`.
const BEFORE_NUMBER: &[&str] = &[
    "apr", "app", "art", "aug", "ch", "chap", "dec", "eq", "eqs", "feb", "fig", "figs", "jan",
    "jul", "jun", "mar", "no", "nos", "nov", "nr", "oct", "p", "para", "pp", "ref", "refs", "sec",
    "sect", "sep", "sept", "tab", "vol", "vols",
];

/// Dotted words that end sentences as often as not; a capital behind them decides.
const DOTTED_BUT_OFTEN_LAST: &[&str] = &["a.m", "p.m", "a.d", "b.c"];

/// Decides on the full stop between `before` (its sentence so far) and `rest` (what follows the white space), where
/// `rest` does not begin in lower case.
pub(super) fn period_ends_sentence(before: &str, rest: &str) -> bool {
    let word = last_word(before);
    if word.is_empty() {
        return true;
    }
    let next_is_digit = rest.starts_with(|character: char| character.is_ascii_digit());
    if word.len() == before.trim_start().len() && is_list_number(word) {
        return false;
    }
    let mut letters = word.chars();
    if let (Some(initial), None) = (letters.next(), letters.next())
        && initial.is_uppercase()
        && word != "I"
    {
        return false;
    }
    if !word.is_ascii() {
        return true;
    }
    let folded = word.to_ascii_lowercase();
    let is_in = |list: &[&str]| list.contains(&folded.as_str());
    if is_in(NEVER_LAST) || (next_is_digit && is_in(BEFORE_NUMBER)) {
        return false;
    }
    if is_in(DOTTED_BUT_OFTEN_LAST) {
        return true;
    }
    !is_dotted_initials(&folded)
}

/// The letters, digits and dots right before the full stop; empty if there are none or too many.
fn last_word(before: &str) -> &str {
    let mut start = before.len();
    for (index, character) in before.char_indices().rev() {
        if !(character.is_alphanumeric() || character == '.') {
            break;
        }
        start = index;
        if before.len() - start > MAX_WORD_BYTES {
            return "";
        }
    }
    &before[start..]
}

/// `12` or `IV`, alone at the start of a sentence, numbers an item.
fn is_list_number(word: &str) -> bool {
    word.len() <= 4
        && (word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
            || word.bytes().all(|byte| matches!(byte, b'I' | b'V' | b'X')))
}

/// `u.s`, `ph.d`, `j.r.r`: parts of one or two letters.
fn is_dotted_initials(word: &str) -> bool {
    word.contains('.')
        && word.split('.').all(|part| {
            (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic())
        })
}
