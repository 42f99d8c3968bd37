//! Words for full-text search: the same function makes the words of an index and those of a query.
//!
//! Text is folded (NFKC, which also folds width; lower case; `ß` to `ss`), then cut: runs of Han characters by a
//! dictionary in search mode, so that a long word is also found by the words in it; everything else by the word rules of
//! UAX 29, with names such as `c++` kept, parts of `snake_case` and `node.js` added to the whole, and the English plural
//! and `'s` taken off.

use std::sync::LazyLock;

use jieba_rs::Jieba;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// Returns the shared Chinese dictionary. The first call loads it, which takes some tens of milliseconds.
pub fn jieba() -> &'static Jieba {
    &JIEBA
}

/// Returns the words of a text, folded, in order; a word that occurs twice is there twice.
///
/// ```
/// use graphmill_documents::words::search_words;
///
/// assert_eq!(search_words("Ｎｏｄｅ.js’s Queues"), ["node.js", "node", "js", "queue"]);
/// assert_eq!(search_words("用C++写数据库"), ["用", "c++", "写", "数据", "据库", "数据库"]);
/// ```
pub fn search_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for_each_word(text, |word| words.push(word.to_owned()));
    words
}

/// Returns the words of a text joined by single spaces, as a full-text index stores them.
pub fn index_words(text: &str) -> String {
    let mut joined = String::with_capacity(text.len() + text.len() / 4);
    for_each_word(text, |word| {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(word);
    });
    joined
}

fn for_each_word(text: &str, mut visit: impl FnMut(&str)) {
    let folded = fold(text);
    let mut rest = folded.as_str();
    while let Some(first) = rest.chars().next() {
        let han = is_han(first);
        let end = rest
            .find(|character| is_han(character) != han)
            .unwrap_or(rest.len());
        let (run, tail) = rest.split_at(end);
        if han {
            // Without the hidden Markov model: it joins unknown characters by their neighbours, so that a name would
            // be cut one way in a text and another way in a query.
            for token in jieba().cut_for_search(run, false) {
                visit(token.word);
            }
        } else {
            visit_spaced_words(run, &mut visit);
        }
        rest = tail;
    }
}

/// NFKC, lower case, one kind of apostrophe.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.nfkc() {
        match character {
            'ß' | 'ẞ' => folded.push_str("ss"),
            'ς' => folded.push('σ'),
            '\u{2019}' | '\u{2018}' | '\u{02BC}' => folded.push('\''),
            _ => folded.extend(character.to_lowercase()),
        }
    }
    // Lower case of a composed letter may be decomposed (İ); the marks are then composed again.
    if unicode_normalization::is_nfkc(&folded) {
        folded
    } else {
        folded.nfkc().collect()
    }
}

fn visit_spaced_words(run: &str, visit: &mut impl FnMut(&str)) {
    let mut at = 0;
    let mut bounds = run.split_word_bounds();
    while let Some(word) = bounds.next() {
        let mut end = at + word.len();
        if !word.contains(char::is_alphanumeric) {
            at = end;
            continue;
        }
        let signs = name_signs(&run[end..]);
        // A sign that carries a combining mark is a longer "word", and no part of a name.
        if signs > 0 && bounds.clone().take(signs).all(|sign| sign.len() == 1) {
            for _ in 0..signs {
                bounds.next();
            }
            end += signs;
            visit(&run[at..end]);
        } else {
            visit_with_parts(word, visit);
        }
        at = end;
    }
}

/// How many of the next bytes belong to a name such as `c++` or `f#`; 0 if the signs mean something else, as in `a+b`.
fn name_signs(rest: &str) -> usize {
    let signs = rest
        .bytes()
        .take_while(|byte| matches!(byte, b'+' | b'#'))
        .count();
    let goes_on = rest[signs..]
        .starts_with(|character: char| character.is_alphanumeric() && !is_han(character));
    if matches!(&rest[..signs], "+" | "++" | "#") && !goes_on {
        signs
    } else {
        0
    }
}

/// The whole word without `'s`, then its parts if it is made of several: `snake_case`, `node.js`, but not `4.2.1` or `don't`.
fn visit_with_parts(word: &str, visit: &mut impl FnMut(&str)) {
    // A combining letter joins the white space before it to one UAX 29 word.
    let word = word.trim_matches(|character: char| {
        character.is_whitespace() || matches!(character, '_' | '\'' | '.')
    });
    let word = word.strip_suffix("'s").unwrap_or(word);
    let is_number = !word.contains(char::is_alphabetic);
    if is_number || !word.contains(['_', '.', ':']) {
        visit_english_base(word, visit);
        return;
    }
    visit(word);
    for part in word.split(['_', '.', ':']).filter(|part| !part.is_empty()) {
        visit_english_base(part, visit);
    }
}

/// Words in `-s` that are no plurals.
const NOT_PLURAL: &[&str] = &[
    "always", "news", "perhaps", "series", "species", "does", "besides", "lens", "chaos", "atlas",
];

/// Takes the plural off an ASCII word; other words are visited as they are.
fn visit_english_base(word: &str, visit: &mut impl FnMut(&str)) {
    if word.is_empty() {
        return;
    }
    if word.len() < 4
        || !word.bytes().all(|byte| byte.is_ascii_lowercase())
        || NOT_PLURAL.contains(&word)
    {
        visit(word);
        return;
    }
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        visit(&format!("{stem}y"));
        return;
    }
    for ending in ["sses", "xes", "ches", "shes", "zzes"] {
        if word.ends_with(ending) {
            visit(&word[..word.len() - 2]);
            return;
        }
    }
    let singular = word
        .strip_suffix('s')
        .filter(|stem| !stem.ends_with(['s', 'u', 'i']));
    visit(singular.unwrap_or(word));
}

/// Han characters: what the Chinese dictionary is made of.
fn is_han(character: char) -> bool {
    matches!(
        character,
        '々' | '〇' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether an index of `text` has every word of `query`.
    fn finds(query: &str, text: &str) -> bool {
        let index = search_words(text);
        search_words(query).iter().all(|word| index.contains(word))
    }

    #[test]
    fn a_chinese_word_is_found_inside_a_sentence_and_inside_a_longer_word() {
        let text = "近年来，机器学习在自然语言处理领域取得了很大进展。";
        assert!(finds("机器学习", text));
        assert!(finds("学习", text));
        assert!(finds("自然语言处理", text));
        assert!(!finds("量子", text));
    }

    #[test]
    fn width_and_case_do_not_matter() {
        assert_eq!(search_words("ＡＢＣ １２３"), ["abc", "123"]);
        assert_eq!(search_words("STRASSE Straße"), ["strasse", "strasse"]);
        assert!(finds("ﾃｽﾄ", "テスト"));
    }

    #[test]
    fn technical_names_stay_whole_and_parts_are_added() {
        assert_eq!(
            search_words("C++ and C#, not a+b"),
            ["c++", "and", "c#", "not", "a", "b"]
        );
        assert_eq!(search_words("version 4.2.1"), ["version", "4.2.1"]);
        assert_eq!(search_words("max_tokens"), ["max_tokens", "max", "token"]);
        assert_eq!(search_words("node.js"), ["node.js", "node", "js"]);
    }

    #[test]
    fn plurals_and_possessives_fold() {
        assert_eq!(
            search_words("Queues boxes classes companies Alice's dogs' this status analysis"),
            [
                "queue", "box", "class", "company", "alice", "dog", "this", "status", "analysis"
            ]
        );
        assert_eq!(search_words("don't"), ["don't"]);
    }

    #[test]
    fn punctuation_alone_gives_no_words() {
        assert!(search_words("… —— 。！ ++ # _ ''' \n").is_empty());
        assert_eq!(search_words(" \u{7a6}"), ["\u{7a6}"]);
        assert_eq!(search_words("c+\u{e0100}x"), ["c", "x"]);
    }

    #[test]
    fn index_words_are_the_search_words_joined() {
        assert_eq!(
            index_words("机器学习 works"),
            search_words("机器学习 works").join(" ")
        );
    }

    proptest! {
        #[test]
        fn words_have_no_white_space_and_are_never_empty(text in "(\\PC|[a-z+#._' \u{e0100}\u{301}机器]){0,60}") {
            for word in search_words(&text) {
                prop_assert!(!word.is_empty() && !word.contains(char::is_whitespace), "{word:?}");
            }
        }
    }
}
