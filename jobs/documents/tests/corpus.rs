//! The parsers on real and on hostile files.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that panics has failed, and one that did not run must say so"
)]

mod corpus_files;

use std::path::Path;
use std::process::Command;

use graphmill_documents::ErrorCode;

use corpus_files::{CORPUS, Outcome, entries, f1, mean, parse, unmet_expectations, words};

const FORMATS: [&str; 9] = [
    "pdf", "docx", "html", "md", "txt", "csv", "tsv", "json", "jsonl",
];

/// Files that must not parse though the manifest has no word on them.
fn known_error(path: &str) -> Option<&'static [ErrorCode]> {
    Some(match path {
        "docx/testWORD_truncated.docx" => &[ErrorCode::Truncated],
        "pdf/testPassword4Spaces.pdf" | "pdf/issue15893_reduced.pdf" => &[ErrorCode::Encrypted],
        _ => return None,
    })
}

#[test]
fn real_files_parse_and_agree_with_their_truth() {
    let Some(entries) = entries(&FORMATS) else {
        return;
    };
    let mut failures = Vec::new();
    let mut pdf_scores = Vec::new();
    for entry in entries.iter().filter(|entry| !entry.is_hostile()) {
        let path = &entry.path;
        match (parse(entry), known_error(path)) {
            (Outcome::Document(document), None) => {
                if let Err(broken) = document.check() {
                    failures.push(format!("{path}: {broken}"));
                }
                let Some(truth) = entry.truth() else { continue };
                let score = f1(&document.text, &truth);
                // A narrow column of a printed table splits words without a hyphen.
                let bound = if entry.extension() == "pdf" {
                    0.93
                } else {
                    0.97
                };
                if score < bound {
                    failures.push(format!("{path}: F1 {score:.3}"));
                }
                if entry.extension() == "pdf" {
                    pdf_scores.push(score);
                }
            }
            (Outcome::Error(error), Some(codes)) if codes.contains(&error.code) => {}
            // Pages without text are no failure of the parser.
            (Outcome::Error(error), None)
                if path.starts_with("pdf/") && error.code == ErrorCode::NoText => {}
            (Outcome::Document(_), Some(_)) => failures.push(format!("{path}: parsed")),
            (Outcome::Error(error), _) => {
                failures.push(format!("{path}: {}: {}", error.code, error.message));
            }
            (Outcome::Died(how), _) => failures.push(format!("{path}: {how}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(
        mean(&pdf_scores) >= 0.98,
        "mean F1 of the PDF files is {:.4}",
        mean(&pdf_scores)
    );
}

/// Shorter texts say nothing about agreement.
const MIN_WORDS: usize = 20;

#[test]
fn pdf_text_agrees_with_poppler() {
    let Some(entries) = entries(&FORMATS) else {
        return;
    };
    if Command::new("pdftotext").arg("-v").output().is_err() {
        println!("pdftotext is not installed: nothing tested");
        return;
    }
    let mut scores = Vec::new();
    for entry in entries
        .iter()
        .filter(|entry| entry.path.starts_with("pdf/") && entry.truth().is_none())
    {
        let file = Path::new(CORPUS).join(&entry.path);
        let output = Command::new("pdftotext")
            .arg(file)
            .arg("-")
            .output()
            .unwrap();
        let reference = String::from_utf8_lossy(&output.stdout);
        if words(&reference).values().sum::<usize>() < MIN_WORDS {
            continue;
        }
        if let Outcome::Document(document) = parse(entry) {
            let score = f1(&document.text, &reference);
            println!("{score:.3} {}", entry.path);
            scores.push(score);
        }
    }
    assert!(
        mean(&scores) >= 0.95,
        "mean agreement over {} files is {:.4}",
        scores.len(),
        mean(&scores)
    );
}

#[test]
fn hostile_files_give_what_the_manifest_expects() {
    let Some(entries) = entries(&FORMATS) else {
        return;
    };
    let failures = unmet_expectations(&entries);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
