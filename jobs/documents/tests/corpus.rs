//! The parsers on real and on hostile files.
//!
//! Files come from a corpus beside the repository, described by its `MANIFEST.tsv`; without it these tests do nothing.
//! Each file is parsed by the example `parse_one` under limits of memory and CPU time, as the worker does: a parser
//! that dies is a failed file, not a failed test run.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that panics has failed, and one that did not run must say so"
)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use graphmill_documents::{Document, ErrorCode, ParseError};
use unicode_normalization::UnicodeNormalization as _;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus");
const FORMATS: [&str; 8] = ["pdf", "docx", "html", "md", "txt", "csv", "tsv", "json"];
const MEMORY_KIB: u32 = 2 << 20;
const CPU_SECS: u32 = 120;

struct Entry {
    path: String,
    /// The truth's path, or the expected behaviour in words.
    expectation: String,
}

impl Entry {
    fn extension(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    fn is_hostile(&self) -> bool {
        self.path.starts_with("hostile/")
    }

    fn truth(&self) -> Option<String> {
        let path = Some(&self.expectation).filter(|path| path.starts_with("truth/"))?;
        Some(std::fs::read_to_string(Path::new(CORPUS).join(path)).unwrap())
    }
}

/// The corpus's files of our formats; `None` without a corpus.
fn entries() -> Option<Vec<Entry>> {
    let Ok(manifest) = std::fs::read_to_string(Path::new(CORPUS).join("MANIFEST.tsv")) else {
        println!("no corpus at {CORPUS}: nothing tested");
        return None;
    };
    let entries = manifest.lines().skip(1).map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        Entry {
            path: columns[0].to_owned(),
            expectation: columns.get(7).copied().unwrap_or_default().to_owned(),
        }
    });
    Some(
        entries
            .filter(|entry| FORMATS.contains(&entry.extension()) || entry.extension() == "jsonl")
            .collect(),
    )
}

enum Outcome {
    Document(Box<Document>),
    Error(ParseError),
    Died(String),
}

fn parse(entry: &Entry) -> Outcome {
    // Test binaries lie in `deps`, examples beside it.
    let exe = std::env::current_exe().unwrap();
    let parser: PathBuf = exe
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples/parse_one");
    assert!(
        parser.exists(),
        "{} is missing; `cargo test` builds it",
        parser.display()
    );
    let limited = format!("ulimit -v {MEMORY_KIB}; ulimit -t {CPU_SECS}; exec \"$0\" \"$@\"");
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new("sh")
        .args(["-c", &limited])
        .arg(parser)
        .arg(Path::new(CORPUS).join(&entry.path))
        .arg(entry.extension())
        .output()
        .unwrap();
    match status.code() {
        Some(0) => Outcome::Document(serde_json::from_slice(&stdout).unwrap()),
        Some(2) => Outcome::Error(serde_json::from_slice(&stdout).unwrap()),
        _ => Outcome::Died(format!("{status}: {}", String::from_utf8_lossy(&stderr))),
    }
}

/// Words and how often they occur: a Han, kana or Hangul character is a word, so are runs of other letters and digits.
fn words(text: &str) -> HashMap<String, usize> {
    let mut words: HashMap<String, usize> = HashMap::new();
    let mut word = String::new();
    let text: String = text.nfkc().flat_map(char::to_lowercase).collect();
    for character in text.chars().chain([' ']) {
        let alone = matches!(character, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}');
        if character.is_alphanumeric() && !alone {
            word.push(character);
            continue;
        }
        if !word.is_empty() {
            *words.entry(std::mem::take(&mut word)).or_default() += 1;
        }
        if alone {
            *words.entry(character.to_string()).or_default() += 1;
        }
    }
    words
}

/// Harmonic mean of precision and recall of the words of `found`.
fn f1(found: &str, truth: &str) -> f64 {
    let (found, truth) = (words(found), words(truth));
    let common: usize = found
        .iter()
        .map(|(word, count)| (*count).min(truth.get(word).copied().unwrap_or(0)))
        .sum();
    let total = found.values().sum::<usize>() + truth.values().sum::<usize>();
    if total == 0 {
        1.0
    } else {
        2.0 * common as f64 / total as f64
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

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
    let Some(entries) = entries() else { return };
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
    let Some(entries) = entries() else { return };
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
    let Some(entries) = entries() else { return };
    let mut failures = Vec::new();
    for entry in entries.iter().filter(|entry| entry.is_hostile()) {
        let outcome = parse(entry);
        if !meets(&outcome, &entry.expectation) {
            let found = match outcome {
                Outcome::Document(document) => {
                    format!(
                        "{} of {} bytes as {:?}",
                        document.file_type,
                        document.text.len(),
                        document.encoding
                    )
                }
                Outcome::Error(error) => format!("{}: {}", error.code, error.message),
                Outcome::Died(how) => how,
            };
            failures.push(format!(
                "{} should give {:?}, gave {found}",
                entry.path, entry.expectation
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Reads the manifest's words.
fn meets(outcome: &Outcome, expectation: &str) -> bool {
    let says = |phrase: &str| expectation.contains(phrase);
    match outcome {
        Outcome::Died(_) => false,
        Outcome::Document(document) => {
            let encoding = expectation.strip_prefix("text decoded as ");
            let allowed = !expectation.starts_with("error")
                || says("text")
                || says("1 page")
                || says("empty under");
            document.check().is_ok()
                && allowed
                && encoding.is_none_or(|name| {
                    let name = name.split(' ').next().unwrap_or_default();
                    document
                        .encoding
                        .as_deref()
                        .is_some_and(|found| found.starts_with(name))
                })
        }
        Outcome::Error(error) => {
            let required = [
                ("empty file", ErrorCode::Empty),
                ("password required", ErrorCode::Encrypted),
                ("truncated zip", ErrorCode::Truncated),
                ("inflated size cap", ErrorCode::Bomb),
                ("unsupported type", ErrorCode::Unsupported),
                ("binary, not text", ErrorCode::Unsupported),
                ("needs OCR", ErrorCode::NoText),
            ];
            match required.iter().find(|(phrase, _)| says(phrase)) {
                Some((_, code)) => error.code == *code,
                None => says("error"),
            }
        }
    }
}
