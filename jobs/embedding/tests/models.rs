//! The built-in models: agreement with their original implementations, any input, determinism.

use std::sync::Arc;

use graphmill_embedding::{Embedder, ModelChoice, open};
use proptest::prelude::*;
use rayon::prelude::*;

#[derive(serde::Deserialize)]
struct Reference {
    text: String,
    #[serde(default)]
    tokens: Option<usize>,
    vector: Vec<f32>,
}

fn fast() -> Arc<dyn Embedder> {
    open(&ModelChoice::Fast).expect("the built-in model opens")
}

fn accurate() -> Arc<dyn Embedder> {
    open(&ModelChoice::Accurate).expect("the built-in model opens")
}

fn references(jsonl: &str) -> Vec<Reference> {
    jsonl
        .lines()
        .map(|line| serde_json::from_str(line).expect("a row is a reference"))
        .collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn assert_is_unit_vector(vector: &[f32], model: &dyn Embedder) {
    assert_eq!(vector.len(), model.dimension());
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    assert!(
        (length - 1.0).abs() < 1e-4,
        "{} gave a vector of length {length}",
        model.id()
    );
}

fn token_ends(model: &dyn Embedder, text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    model.token_ends(text, &mut ends);
    ends
}

/// Texts that tokenizers and normalisers trip over.
fn awkward_texts() -> Vec<String> {
    vec![
        String::new(),
        "   \t\n\u{3000} ".to_owned(),
        "a".repeat(1_000_000),
        "中文没有空格".repeat(60_000),
        format!("e{}", "\u{301}".repeat(200_000)),
        "\u{0}\u{1}\u{7f}\u{feff}\u{200b}\u{202e}".to_owned(),
        "👩‍👩‍👧‍👦🇨🇳😀 emoji ﷺ ㍿ ﬁ ①".to_owned(),
        "العربية हिन्दी ไทย".to_owned(),
        "<s> </s> <unk> <pad> ▁ ▁▁".to_owned(),
        "\r\n\r\n a \u{a0}\u{a0} b \r".to_owned(),
    ]
}

#[test]
fn fast_model_agrees_with_the_original() {
    let model = fast();
    for reference in references(include_str!("reference/use-enzh.jsonl")) {
        let vector = model.embed_query(&reference.text).unwrap();
        let agreement = cosine(&vector, &reference.vector);
        // The original has pieces such as `3-0` and `5-11` that the cut vocabulary lacks: other tokens, so another vector.
        let has_date = reference.text.contains("2023-05-11");
        assert!(
            agreement >= if has_date { 0.95 } else { 0.9999 },
            "{:?}: {agreement}",
            reference.text
        );
        if let (Some(tokens), false) = (reference.tokens, has_date || reference.text.is_empty()) {
            assert_eq!(
                token_ends(&*model, &reference.text).len() + 2,
                tokens,
                "{:?}",
                reference.text
            );
        }
    }
}

#[test]
fn accurate_model_agrees_with_the_original() {
    let model = accurate();
    for reference in references(include_str!("reference/e5-enzh.jsonl")) {
        let text = reference.text.strip_prefix("query: ").unwrap();
        let agreement = cosine(&model.embed_query(text).unwrap(), &reference.vector);
        assert!(agreement >= 0.9999, "{text:?}: {agreement}");
    }
}

#[test]
fn same_meaning_is_near_across_languages_and_unrelated_is_far() {
    for (model, near, margin) in [(fast(), 0.75, 0.5), (accurate(), 0.85, 0.05)] {
        let [english, chinese, other] = [
            "What is artificial intelligence?",
            "什么是人工智能？",
            "The recipe needs two eggs and some butter.",
        ]
        .map(|text| model.embed_query(text).unwrap());
        let (related, unrelated) = (cosine(&english, &chinese), cosine(&english, &other));
        assert!(related >= near, "{}: {related}", model.id());
        assert!(
            unrelated < related - margin,
            "{}: {related} against {unrelated}",
            model.id()
        );
    }
    let [a, b] =
        ["什么是人工智能？", "Two eggs and butter."].map(|text| fast().embed_query(text).unwrap());
    assert!(cosine(&a, &b) < 0.3);
}

#[test]
fn passage_is_nearest_to_its_own_question() {
    let passages = [
        "Redis keeps data in memory and is often used as a cache or a message broker.",
        "光合作用把二氧化碳和水变成糖和氧气。",
        "The library is open from nine to five on weekdays.",
    ];
    for model in [fast(), accurate()] {
        let vectors = model.embed_passages(&passages).unwrap();
        for (question, expected) in [
            ("植物怎样制造氧气？", 1),
            ("when can I visit the library", 2),
            ("Redis 有什么用途？", 0),
        ] {
            let query = model.embed_query(question).unwrap();
            let best = (0..3).max_by(|&a, &b| {
                cosine(&query, &vectors[a]).total_cmp(&cosine(&query, &vectors[b]))
            });
            assert_eq!(best, Some(expected), "{} on {question:?}", model.id());
        }
    }
}

#[test]
fn any_text_gets_a_finite_unit_vector() {
    let texts = awkward_texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for model in [fast(), accurate()] {
        for vector in model.embed_passages(&texts).unwrap() {
            assert_is_unit_vector(&vector, &*model);
        }
        assert!(model.embed_passages(&[]).unwrap().is_empty());
    }
}

/// Knowledge bases are compared by hash after a crash, so neighbours and threads must not change a single bit.
#[test]
fn vectors_are_bit_identical_whatever_the_batch_and_the_threads() {
    let texts: Vec<String> = (0..40)
        .map(|i| "机器学习 is a field of study. ".repeat(1 + i * 7 % 23))
        .collect();
    let texts: Vec<&str> = texts
        .iter()
        .map(String::as_str)
        .chain(["", "a", "好"])
        .collect();
    for model in [fast(), accurate()] {
        let singly: Vec<_> = texts
            .iter()
            .flat_map(|&text| model.embed_passages(&[text]).unwrap())
            .collect();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let together = pool.install(|| model.embed_passages(&texts).unwrap());
            assert!(together == singly, "{} with {threads} threads", model.id());
            let mut reversed = texts.clone();
            reversed.reverse();
            let mut backwards = pool.install(|| model.embed_passages(&reversed).unwrap());
            backwards.reverse();
            assert!(
                backwards == singly,
                "{} backwards with {threads} threads",
                model.id()
            );
        }
    }
}

#[test]
fn one_model_serves_many_threads_at_once() {
    let model = fast();
    let expected = model.embed_query("shared").unwrap();
    let all_equal = (0..64).into_par_iter().all(|_| {
        let nested = model.embed_passages(&["shared", "other"]).unwrap();
        nested[0] == expected && model.embed_query("shared").unwrap() == expected
    });
    assert!(all_equal);
}

#[test]
fn opening_twice_shares_the_model() {
    assert!(Arc::ptr_eq(&fast(), &fast()));
    assert_eq!(
        (fast().id(), accurate().id()),
        ("use-enzh-v3", "e5-enzh-v1")
    );
}

#[test]
fn missing_directory_is_a_load_error() {
    let error = open(&ModelChoice::HuggingFace("/nowhere/at/all".into()))
        .err()
        .expect("there is no such model");
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
}

#[test]
fn token_ends_cover_awkward_texts() {
    for text in awkward_texts() {
        for model in [fast(), accurate()] {
            let ends = token_ends(&*model, &text);
            assert!(ends.is_sorted());
            assert!(ends.iter().all(|&end| text.is_char_boundary(end)));
            assert!(ends.last().is_none_or(|&end| end == text.len()));
        }
    }
}

#[test]
fn tokens_end_where_their_text_ends() {
    let text = " Two  words，两个词。";
    let ends = token_ends(&*fast(), text);
    let mut start = 0;
    let pieces: Vec<&str> = ends
        .iter()
        .map(|&end| &text[std::mem::replace(&mut start, end)..end])
        .collect();
    assert_eq!(pieces.concat(), text);
    assert!(
        pieces[0].starts_with(" Two") && pieces.iter().any(|piece| piece.contains('，')),
        "{pieces:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn token_ends_grow_on_character_boundaries_to_the_end(text in "(\\PC|[ \t\n a-z中文①ﬁ\u{301}😀]){0,60}") {
        for model in [fast(), accurate()] {
            let ends = token_ends(&*model, &text);
            prop_assert!(ends.is_sorted());
            prop_assert!(ends.iter().all(|&end| text.is_char_boundary(end)));
            prop_assert!(ends.last().is_none_or(|&end| end == text.len()));
            prop_assert!(!ends.is_empty() || text.chars().all(|c| c.is_whitespace() || !c.is_alphanumeric()));
        }
    }
}
