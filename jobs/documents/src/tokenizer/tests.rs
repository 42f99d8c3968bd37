//! The counts against the reference tokenizer.

use std::path::Path;

use proptest::prelude::*;
use tiktoken_rs::CoreBPE;

use super::*;

fn references() -> [(&'static Tokenizer, &'static CoreBPE); 2] {
    [
        (Tokenizer::cl100k(), tiktoken_rs::cl100k_base_singleton()),
        (Tokenizer::o200k(), tiktoken_rs::o200k_base_singleton()),
    ]
}

fn check(text: &str) {
    for (tokenizer, reference) in references() {
        let expected = reference.encode_ordinary(text).len();
        assert_eq!(
            tokenizer.count(text),
            expected,
            "{:?}: {text:?}",
            tokenizer.pattern
        );
    }
}

#[test]
fn awkward_texts_have_the_reference_counts() {
    for text in [
        "",
        " ",
        "\n",
        "  \n  ",
        "'",
        "'s",
        "'ſ 'LL 'Re it'ſ",
        "I'll've don't'nt ''s",
        "\u{301}abc \u{301}ABC a\u{301}b",
        "中文ABC中d 中ABCd！？。中",
        "\u{3000}\u{3000}中文\u{3000}a\u{a0}b\u{85}c",
        "1234567 ١٢٣٤ Ⅷ½",
        "<|endoftext|>",
        "a\r\n\r\n/b!\n/c",
        "ǅungla Straße ПРИВЕТмир",
        "สวัสดีครับ ภาษาไทย नमस्ते दुनिया",
        "👨‍👩‍👧‍👦🇨🇳 e\u{301}",
        "\0\u{1}\u{10FFFF}\u{FFFD}",
        "これはテストです。カタカナとひらがな、漢字。",
        "한국어 텍스트입니다.",
    ] {
        check(text);
        check(&text.repeat(40));
    }
}

#[test]
fn long_pieces_have_the_reference_counts() {
    for unit in [
        "a", "ab", "é", "文", "\u{301}", " ", "\n", "-", "=", "👍", "Aa", "中A",
    ] {
        check(&unit.repeat(3_000));
    }
}

/// The texts of the corpus: what is text as it is, and the truth of the other formats.
#[test]
fn corpus_texts_have_the_reference_counts() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus");
    let mut texts = 0;
    for folder in ["truth", "txt", "md", "html", "csv", "json"] {
        let Ok(entries) = std::fs::read_dir(Path::new(corpus).join(folder)) else {
            println!("skipped: no corpus at {corpus}");
            return;
        };
        for entry in entries.flatten() {
            let Ok(text) = std::fs::read_to_string(entry.path()) else {
                continue;
            };
            // The reference is the slow one.
            let text = &text[..text.floor_char_boundary(200_000)];
            for (tokenizer, reference) in references() {
                let expected = reference.encode_ordinary(text).len();
                assert_eq!(tokenizer.count(text), expected, "{:?}", entry.path());
            }
            texts += 1;
        }
    }
    assert!(texts > 100, "{texts} texts");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn any_text_has_the_reference_count(
        text in "([a-z]{0,9}|[A-Z]{0,4}|'[sSſtTmMdDlLvVrReE]{0,3}|[0-9Ⅷ½]{0,5}|[ \t\n\r\u{3000}\u{a0}]{0,4}|[中文字数据库的一是了我们]{0,6}|[。，！？“”（）、]{0,3}|[ªʰǅßſЖжéÉ]{0,3}|[\u{301}\u{20dd}\u{903}]{0,2}|[!/.,(=_-]{0,4}|[ぁ-んア-ン]{0,4}|\\PC{0,2}|\\p{Any}{0,2}){0,12}"
    ) {
        check(&text);
    }

    #[test]
    fn pieces_up_to_any_seam_do_not_depend_on_what_is_around_it(
        text in "([a-zA-Z中文。'， \n0-9\u{301}!/-]{0,30})",
        place in any::<prop::sample::Index>(),
    ) {
        let at = text.floor_char_boundary(place.index(text.len() + 1));
        for (tokenizer, _) in references() {
            if tokenizer.is_seam(&text, at) {
                let whole = tokenizer.count(&text);
                prop_assert_eq!(whole, tokenizer.count(&text[..at]) + tokenizer.count(&text[at..]), "{:?}", at);
            }
        }
    }
}
