//! The estimate against the truth, on texts that are and are not alike.

use std::collections::HashSet;

use proptest::prelude::*;

use super::shingles::for_each_shingle;
use super::*;

fn shingles(text: &str) -> HashSet<u64> {
    let mut set = HashSet::new();
    for_each_shingle(text, |shingle| {
        set.insert(shingle);
    });
    set
}

/// The true share of common shingles.
fn jaccard(one: &str, other: &str) -> f32 {
    let (one, other) = (shingles(one), shingles(other));
    let common = one.intersection(&other).count();
    common as f32 / (one.len() + other.len() - common) as f32
}

fn share_a_band(one: &Signature, other: &Signature) -> bool {
    bands(one)
        .iter()
        .zip(bands(other))
        .any(|(one, other)| *one == other)
}

fn numbered(from: usize, to: usize) -> String {
    let words: Vec<String> = (from..to).map(|number| format!("w{number}")).collect();
    words.join(" ")
}

#[test]
fn the_estimate_is_near_the_truth() {
    let mut errors = Vec::new();
    for index in 0..60 {
        // Texts of their own each time, so that errors do not lean to one side together.
        let (from, shift) = (index * 10_000, index * 16);
        let base = numbered(from, from + 1_000);
        let other = numbered(from + shift, from + 1_000 + shift);
        let error = similarity(&signature(&base), &signature(&other)) - jaccard(&base, &other);
        assert!(error.abs() < 0.18, "shift {shift}: {error}");
        errors.push(error);
    }
    let mean = errors.iter().sum::<f32>() / errors.len() as f32;
    assert!(mean.abs() < 0.02, "no bias: {mean}");
}

#[test]
fn forms_and_white_space_make_no_difference_and_words_do() {
    let text = "The quick brown fox jumps over the lazy dog near the river bank.";
    let same = "the QUICK  brown fox\njumps over the lazy dog, near the ｒｉｖｅｒ bank";
    assert_eq!(signature(text), signature(same));
    assert_eq!(
        signature("知识图谱，把实体连成网络。"),
        signature("知识图谱 把实体连成网络")
    );
    assert!(
        similarity(
            &signature(text),
            &signature("Something else entirely is said here, in other words.")
        ) < 0.1
    );
}

#[test]
fn one_changed_sentence_leaves_a_chunk_near_and_another_text_is_not() {
    let sentence =
        |index: usize| format!("Sentence {index} speaks of thing {} at length. ", index * 7);
    let text: String = (0..60).map(sentence).collect();
    let edited = text.replace(&sentence(30), "This one was written anew. ");
    let other: String = (100..160).map(sentence).collect();
    let (text, edited, other) = (signature(&text), signature(&edited), signature(&other));
    assert!(similarity(&text, &edited) > 0.85 && share_a_band(&text, &edited));
    assert!(similarity(&text, &other) < 0.3 && !share_a_band(&text, &other));
}

#[test]
fn texts_without_words_are_like_nothing() {
    let empty = signature(" …! ");
    assert!(empty.is_empty());
    assert!(similarity(&empty, &empty) < 0.01);
    assert!(!signature("a").is_empty());
    assert!(similarity(&signature("一二"), &signature("一二")) > 0.99);
}

#[test]
fn stored_signatures_stay_what_they_are() {
    let signature =
        signature("Signatures are stored, so the constants behind them must not change.");
    assert_eq!(
        Signature::from_bytes(&signature.to_bytes()),
        Some(signature.clone())
    );
    assert_eq!(Signature::from_bytes(&[0; 511]), None);
    let stored = blake3::hash(&signature.to_bytes()).to_hex();
    assert_eq!(&stored[..16], "b986f84c58018e6c");
}

/// Documents of the corpus, damaged a little, find themselves and nobody else.
#[test]
fn corpus_texts_find_their_near_duplicates_and_not_each_other() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus/truth");
    let Ok(entries) = std::fs::read_dir(folder) else {
        println!("skipped: no corpus at {folder}");
        return;
    };
    let texts: Vec<String> = entries
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path()).ok())
        .map(|text| text[..text.floor_char_boundary(20_000)].to_owned())
        .filter(|text| shingles(text).len() > 200)
        .collect();
    assert!(texts.len() > 20, "{} texts", texts.len());
    let signatures: Vec<Signature> = texts.iter().map(|text| signature(text)).collect();
    for (text, of_text) in texts.iter().zip(&signatures) {
        // Two per cent from the front are missing, and all line breaks.
        let damaged = text[text.ceil_char_boundary(text.len() / 50)..].replace('\n', " ");
        let of_damaged = signature(&damaged);
        let (truth, estimate) = (jaccard(text, &damaged), similarity(of_text, &of_damaged));
        assert!((estimate - truth).abs() < 0.2, "{estimate} of {truth}");
        assert!(
            truth > 0.85,
            "{truth}: {}",
            &text[..text.floor_char_boundary(300)]
        );
        assert!(share_a_band(of_text, &of_damaged));
    }
    let (mut unrelated, mut candidates) = (0, 0);
    for (index, one) in signatures.iter().enumerate() {
        for (other, text) in signatures[..index].iter().zip(&texts) {
            let truth = jaccard(&texts[index], text);
            assert!((similarity(one, other) - truth).abs() < 0.2);
            if truth < 0.2 {
                unrelated += 1;
                candidates += usize::from(share_a_band(one, other));
            }
        }
    }
    assert!(unrelated > 100, "{unrelated} pairs");
    assert!(candidates * 100 <= unrelated, "{candidates} of {unrelated}");
}

proptest! {
    #[test]
    fn any_text_has_a_signature_and_is_like_itself(text in "\\PC{0,60}|[a-z ]{0,200}|[中文字。 ]{0,80}") {
        let one = signature(&text);
        prop_assert_eq!(&one, &signature(&text));
        prop_assert_eq!(similarity(&one, &one) > 0.99, !one.is_empty());
        prop_assert_eq!(digest(&text), digest(&format!(" {text}\n")));
    }
}
