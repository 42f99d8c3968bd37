//! A real model from a directory: all-MiniLM-L6-v2, fetched by `fetch-minilm.sh`.
#![cfg(feature = "local-hf")]
#![expect(clippy::print_stdout, reason = "says why a test was skipped")]

use std::{path::PathBuf, sync::Arc};

use graphmill_embedding::{Embedder, ModelChoice, open};

/// The model, or `None` after saying that the test is skipped.
fn minilm() -> Option<Arc<dyn Embedder>> {
    let directory = std::env::home_dir()
        .map(|home| home.join(".cache/graphmill/models/minilm"))
        .unwrap_or_default();
    if !directory.join("model.safetensors").exists() {
        println!(
            "skipped: no model in {}; tests/fetch-minilm.sh fetches it",
            directory.display()
        );
        return None;
    }
    Some(open(&ModelChoice::HuggingFace(directory)).expect("the model opens"))
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn published_similarities_are_reproduced() {
    let Some(model) = minilm() else { return };
    assert_eq!(model.dimension(), 384);
    assert!(model.id().starts_with("hf:minilm:"), "{}", model.id());
    // The example on the model's page: 0.6660, 0.1046 and 0.1411.
    let sentences = [
        "The weather is lovely today.",
        "It's so sunny outside!",
        "He drove to the stadium.",
    ];
    let vectors = model.embed_passages(&sentences).unwrap();
    for (a, b, expected) in [(0, 1, 0.6660), (0, 2, 0.1046), (1, 2, 0.1411)] {
        let similarity = dot(&vectors[a], &vectors[b]);
        assert!(
            (similarity - expected).abs() < 1e-3,
            "{a} and {b}: {similarity}, expected {expected}"
        );
    }
}

#[test]
fn batch_gives_the_same_bits_as_single_texts() {
    let Some(model) = minilm() else { return };
    let long = "A sentence that goes on. ".repeat(300);
    let texts = ["", "  ", "short", &long, "中文", "emoji 👩‍👩‍👧‍👦", "\u{0}\u{1}"];
    let together = model.embed_passages(&texts).unwrap();
    for (text, vector) in texts.iter().zip(together) {
        assert!(vector == model.embed_query(text).unwrap(), "{text:?}");
        assert!((dot(&vector, &vector) - 1.0).abs() < 1e-4, "{text:?}");
    }
}

#[test]
fn token_ends_cover_the_text() {
    let Some(model) = minilm() else { return };
    for text in ["Tokenization of café 中文 👍 ends. ", "", " ", "x"] {
        let mut ends = Vec::new();
        model.token_ends(text, &mut ends);
        assert!(
            ends.is_sorted() && ends.iter().all(|&end| text.is_char_boundary(end)),
            "{text:?}: {ends:?}"
        );
        assert_eq!(ends.last().copied().unwrap_or(0), text.len(), "{text:?}");
    }
}

#[test]
fn broken_directory_says_which_file() {
    let directory = tempfile::tempdir().unwrap();
    let error = |path: PathBuf| {
        open(&ModelChoice::HuggingFace(path))
            .err()
            .expect("not a model")
            .to_string()
    };
    assert!(error(directory.path().to_owned()).contains("config.json"));
    std::fs::write(directory.path().join("config.json"), "{}").unwrap();
    assert!(error(directory.path().to_owned()).contains("model_type"));
}
