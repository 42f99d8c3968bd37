//! The key that entities are known by: names with equal normal forms are one entity.
//!
//! ```text
//! NFKC ─ traditional → simplified ─ lower case ─ punctuation → space ─ articles, titles, legal forms off ─ singular
//! ```
//!
//! Digits are never touched, so versions and model numbers stay apart. What is dropped is dropped only while something
//! is left: `The Who` keeps a word, `Inc` stays `inc`.

mod plural;

use unicode_normalization::UnicodeNormalization as _;

use crate::extract::chinese::fold_char;
use crate::script::{has_han, is_han};

const ARTICLES_AND_TITLES: &[&str] = &[
    "the",
    "an",
    "a",
    "mr",
    "mrs",
    "ms",
    "dr",
    "prof",
    "professor",
    "sir",
];

const LEGAL_FORMS: &[&str] = &[
    "inc",
    "incorporated",
    "ltd",
    "limited",
    "llc",
    "llp",
    "plc",
    "gmbh",
    "ag",
    "kg",
    "corp",
    "corporation",
    "co",
    "pty",
    "bv",
    "nv",
];

/// Longest first. 集团 stays: a group is another entity than its company.
const CHINESE_LEGAL_FORMS: &[&str] = &["股份有限公司", "有限责任公司", "有限公司"];

const CHINESE_TITLES: &[&str] = &["先生", "女士"];

/// Returns the key of a name: equal for spellings that differ in case, width, script variant, punctuation, white space,
/// number, article, title or legal form. Empty when the name has neither letters nor digits.
pub fn normal_form(name: &str) -> String {
    let folded: String = name.nfkc().map(fold).collect();
    let mut words = words(&folded);
    drop_leading(&mut words);
    drop_legal_forms(&mut words);
    if let Some(last) = words.last_mut() {
        *last = if has_han(last) {
            without_chinese_ending(last).to_owned()
        } else {
            plural::singular(last)
        };
    }
    let mut key = String::new();
    for word in words {
        let word = word.to_lowercase();
        let joins = key.chars().last().is_none_or(is_han) || word.starts_with(is_han);
        if !joins {
            key.push(' ');
        }
        key.push_str(&word);
    }
    key
}

/// The table of the Chinese tagger folds Latin letters to lower case and apostrophes to quotation marks; both still count.
fn fold(c: char) -> char {
    match c {
        '’' => '\'',
        _ if c.is_ascii() => c,
        _ => fold_char(c),
    }
}

/// Letters and digits with the signs that belong to a word; everything else separates. Case is kept for now: it tells
/// acronyms from words.
fn words(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut words = vec![String::new()];
    for (i, &c) in chars.iter().enumerate() {
        let beside = |at: Option<usize>| {
            at.and_then(|at| chars.get(at))
                .is_some_and(|c| c.is_alphanumeric() && !is_han(*c))
        };
        let inside = beside(i.checked_sub(1)) && beside(Some(i + 1));
        let current = words.last_mut().expect("the list starts with a word");
        if c.is_alphanumeric()
            || (matches!(c, '.' | '/' | '_' | '&') && inside)
            || (matches!(c, '+' | '#') && !current.is_empty())
        {
            current.push(c);
        } else if c == '\'' && inside {
            // `Ada's` and `O'Neill`: the possessive goes, the rest closes up.
            let tail: String = chars[i + 1..]
                .iter()
                .take_while(|c| c.is_alphanumeric())
                .collect();
            if tail.eq_ignore_ascii_case("s") {
                words.push(String::new());
            }
        } else if !current.is_empty() {
            words.push(String::new());
        }
    }
    let possessive = |i: usize, words: &[String]| {
        i > 0 && words[i].eq_ignore_ascii_case("s") && text.contains(&format!("{}'s", words[i - 1]))
    };
    let keep: Vec<bool> = (0..words.len())
        .map(|i| !words[i].is_empty() && !possessive(i, &words))
        .collect();
    words
        .into_iter()
        .zip(keep)
        .filter_map(|(word, keep)| keep.then(|| without_dots(word)))
        .collect()
}

/// `U.S.A` is `USA`; `Node.js` and `1.2` stay.
fn without_dots(word: String) -> String {
    let initials = word.contains('.')
        && word
            .split('.')
            .all(|part| part.chars().count() == 1 && part.chars().all(char::is_alphabetic));
    if initials {
        word.replace('.', "")
    } else {
        word
    }
}

fn drop_leading(words: &mut Vec<String>) {
    let extra = words
        .iter()
        .take_while(|word| among(ARTICLES_AND_TITLES, word))
        .count();
    words.drain(..extra.min(words.len().saturating_sub(1)));
}

fn drop_legal_forms(words: &mut Vec<String>) {
    while words.len() > 1 && words.last().is_some_and(|word| among(LEGAL_FORMS, word)) {
        words.pop();
    }
}

fn among(list: &[&str], word: &str) -> bool {
    list.iter().any(|entry| entry.eq_ignore_ascii_case(word))
}

fn without_chinese_ending(word: &str) -> &str {
    let long_enough = |rest: &&str| rest.chars().nth(1).is_some();
    let word = CHINESE_LEGAL_FORMS
        .iter()
        .find_map(|form| word.strip_suffix(form))
        .filter(long_enough)
        .unwrap_or(word);
    let person = |rest: &&str| (2..=4).contains(&rest.chars().count()) && rest.chars().all(is_han);
    CHINESE_TITLES
        .iter()
        .find_map(|title| word.strip_suffix(title))
        .filter(person)
        .unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_name_have_one_key() {
        for (names, key) in [
            (
                &[
                    "Northwind Robotics",
                    "NORTHWIND ROBOTICS, Inc.",
                    "Northwind  Robotics Ltd",
                    "the Northwind Robotics GmbH",
                ][..],
                "northwind robotics",
            ),
            (&["Ｄｅｂｉａｎ", "debian", "Debian"], "debian"),
            (
                &["华为", "華為", "华为有限公司", "華為股份有限公司"],
                "华为",
            ),
            (&["阿里巴巴集团"], "阿里巴巴集团"),
            (
                &["debian-installer", "Debian Installer", "debian installers"],
                "debian installer",
            ),
            (
                &["BSD 许可协议", "BSD许可协议", "BSD許可協議"],
                "bsd许可协议",
            ),
            (
                &["Dr. Ada Lovelace", "Ada Lovelace", "Ada Lovelace's"],
                "ada lovelace",
            ),
            (&["李雷先生", "李雷"], "李雷"),
            (&["source packages", "Source Package"], "source package"),
            (&["libraries", "Library"], "library"),
            (&["processes", "process"], "process"),
            (&["databases", "database"], "database"),
            (&["caches", "cache"], "cache"),
            (&["boxes", "box"], "box"),
            (&["APIs", "API"], "api"),
            (&["U.S.A.", "USA"], "usa"),
            (&["C++"], "c++"),
            (&["CI/CD"], "ci/cd"),
            (&["Node.js"], "node.js"),
        ] {
            for name in names {
                assert_eq!(normal_form(name), key, "{name}");
            }
        }
    }

    #[test]
    fn words_that_only_look_like_plurals_stay() {
        for word in [
            "kubernetes",
            "process",
            "series",
            "analysis",
            "css",
            "dns",
            "https",
            "windows",
            "redis",
            "prometheus",
            "macos",
            "postgres",
        ] {
            assert_eq!(normal_form(word), word);
        }
    }

    #[test]
    fn digits_keep_names_apart() {
        let forms: Vec<_> = [
            "Aurora X2",
            "Aurora X3",
            "Aurora",
            "Python 3.1",
            "Python 3.10",
        ]
        .map(normal_form)
        .into();
        let mut distinct = forms.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), forms.len());
    }

    #[test]
    fn something_always_remains() {
        for (name, key) in [
            ("The", "the"),
            ("Inc.", "inc"),
            ("Dr.", "dr"),
            ("有限公司", "有限公司"),
            ("The Who", "who"),
            ("—", ""),
            ("", ""),
        ] {
            assert_eq!(normal_form(name), key, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_clean_and_its_own_key_ignores_case(name in "\\PC{0,24}") {
            let key = normal_form(&name);
            prop_assert!(!key.starts_with(' ') && !key.ends_with(' ') && !key.contains("  "));
        }
    }
}
