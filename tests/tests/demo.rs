//! `graphmill demo` as the README's first command runs it.

use std::process::Command;

use graphmill_tests::system::binary;
use serde_json::Value;

#[test]
fn demo_completes_every_document_and_answers_its_questions() {
    let output = Command::new(binary())
        .args(["demo", "--json"])
        .output()
        .expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let summary: Value = serde_json::from_slice(&output.stdout).expect("one JSON object on stdout");
    assert_eq!(summary["documents"]["failed"], 0, "{summary}");
    assert!(summary["documents"]["completed"].as_u64().expect("a count") >= 12);
    for count in ["chunks", "embeddings", "entities", "relations"] {
        assert!(
            summary[count].as_u64().expect("a count") > 0,
            "{count}: {summary}"
        );
    }
    let queries = summary["queries"].as_array().expect("queries");
    assert_eq!(queries.len(), 3);
    for query in queries {
        let first = &query["results"][0];
        assert!(!first["text"].as_str().expect("text").is_empty(), "{query}");
        assert!(first["score"].as_f64().expect("a score") > 0.0, "{query}");
    }
}
