//! Mails, books, archives and XML of the corpus.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that panics has failed, and one that did not run must say so"
)]

mod corpus_files;

use std::collections::BTreeMap;

use graphmill_documents::{Document, ErrorCode};

use corpus_files::{Outcome, entries, f1, mean, parse, unmet_expectations};

const FORMATS: [&str; 6] = ["eml", "msg", "epub", "xml", "zip", "gz"];

/// Files that must not parse though the manifest has no word on them.
const KNOWN_ERRORS: [(&str, ErrorCode); 0] = [];

/// What is to be compared with the truth, which holds neither the header of a mail nor its attachments.
fn compared(document: &Document) -> &str {
    let text = &document.text;
    if document.file_type != "eml" {
        return text;
    }
    let is_attachment = |start: usize| text[start..].starts_with("Attachment: ");
    let starts = || document.blocks.iter().skip(1).map(|block| block.start);
    let end = starts().find(|start| is_attachment(*start));
    let start = starts().next().unwrap_or(text.len());
    &text[start..end.unwrap_or(text.len())]
}

#[test]
fn real_files_parse_and_agree_with_their_truth() {
    let Some(entries) = entries(&FORMATS) else {
        return;
    };
    let mut failures = Vec::new();
    let mut scores: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| !entry.is_hostile()) {
        let path = &entry.path;
        let known = KNOWN_ERRORS.iter().find(|(known, _)| known == path);
        match (parse(entry), known) {
            (Outcome::Document(document), None) => {
                if let Err(broken) = document.check() {
                    failures.push(format!("{path}: {broken}"));
                }
                if document.file_type != entry.extension() {
                    failures.push(format!("{path}: is {}", document.file_type));
                }
                if let Some(truth) = entry.truth() {
                    let score = f1(compared(&document), &truth);
                    println!("{score:.4} {path}");
                    scores
                        .entry(entry.extension().to_owned())
                        .or_default()
                        .push(score);
                }
            }
            (Outcome::Error(error), Some((_, code))) if error.code == *code => {}
            (Outcome::Document(_), Some(_)) => failures.push(format!("{path}: parsed")),
            (Outcome::Error(error), _) => {
                failures.push(format!("{path}: {}: {}", error.code, error.message));
            }
            (Outcome::Died(how), _) => failures.push(format!("{path}: {how}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    for (format, bound) in [("eml", 0.999), ("epub", 0.98)] {
        let mean = mean(&scores[format]);
        println!("{format}: mean F1 {mean:.4}");
        assert!(mean >= bound, "mean F1 of {format} is {mean:.4}");
    }
}

#[test]
fn attachments_of_mails_are_in_the_text() {
    let Some(entries) = entries(&["eml"]) else {
        return;
    };
    let entry = entries
        .iter()
        .find(|entry| entry.path == "eml/gen-02.eml")
        .unwrap();
    let Outcome::Document(document) = parse(entry) else {
        panic!("{} does not parse", entry.path);
    };
    assert!(document.text.contains("Attachment: 附件.docx\n\n"));
    let within = document.blocks.iter().filter(|block| {
        block.heading_path.first().map(String::as_str) == Some("Attachment: 附件.docx")
    });
    assert!(within.count() > 3);
    assert!(document.warnings.is_empty(), "{:?}", document.warnings);
}

#[test]
fn hostile_files_give_what_the_manifest_expects() {
    let Some(entries) = entries(&FORMATS) else {
        return;
    };
    let failures = unmet_expectations(&entries);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn archives_list_their_members_and_tell_what_they_leave_out() {
    let Some(entries) = entries(&["zip"]) else {
        return;
    };
    let entry = entries
        .iter()
        .find(|entry| entry.path == "hostile/path-traversal.zip")
        .unwrap();
    let Outcome::Document(document) = parse(entry) else {
        panic!("{} does not parse", entry.path);
    };
    assert!(document.text.starts_with("ok.txt\n\n"));
    assert_eq!(document.warnings.len(), 3, "{:?}", document.warnings);
    for warning in &document.warnings {
        assert!(warning.ends_with("its name leads outside of the archive"));
    }
    assert!(!std::path::Path::new("/tmp/evil.txt").exists());
}
