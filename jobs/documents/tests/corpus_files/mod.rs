//! The corpus beside the repository, described by its `MANIFEST.tsv`; without it the tests that use it do nothing.
//!
//! Each file is parsed by the example `parse_one` under limits of memory and CPU time, as the worker does: a parser
//! that dies is a failed file, not a failed test run.

#![allow(dead_code, reason = "each test target uses a part of it")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use graphmill_documents::{Document, ErrorCode, ParseError};
use unicode_normalization::UnicodeNormalization as _;

pub(crate) const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus");
const MEMORY_KIB: u32 = 2 << 20;
const CPU_SECS: u32 = 120;

pub(crate) struct Entry {
    pub(crate) path: String,
    /// The truth's path, or the expected behaviour in words.
    pub(crate) expectation: String,
}

impl Entry {
    pub(crate) fn extension(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    pub(crate) fn is_hostile(&self) -> bool {
        self.path.starts_with("hostile/")
    }

    pub(crate) fn truth(&self) -> Option<String> {
        let path = Some(&self.expectation).filter(|path| path.starts_with("truth/"))?;
        Some(std::fs::read_to_string(Path::new(CORPUS).join(path)).unwrap())
    }
}

/// The corpus's files with these extensions; `None` without a corpus.
pub(crate) fn entries(formats: &[&str]) -> Option<Vec<Entry>> {
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
            .filter(|entry| formats.contains(&entry.extension()))
            .collect(),
    )
}

pub(crate) enum Outcome {
    Document(Box<Document>),
    Error(ParseError),
    Died(String),
}

pub(crate) fn parse(entry: &Entry) -> Outcome {
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
pub(crate) fn words(text: &str) -> HashMap<String, usize> {
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
pub(crate) fn f1(found: &str, truth: &str) -> f64 {
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

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Parses the hostile files among `entries`, and says which do not give what the manifest expects.
pub(crate) fn unmet_expectations(entries: &[Entry]) -> Vec<String> {
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
    failures
}

/// Reads the manifest's words.
pub(crate) fn meets(outcome: &Outcome, expectation: &str) -> bool {
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
                ("recursion cap", ErrorCode::Limit),
            ];
            match required.iter().find(|(phrase, _)| says(phrase)) {
                Some((_, code)) => error.code == *code,
                // Nothing can be written by a parser that writes nothing; whether it finds text is open.
                None => says("error") || says("nothing written outside"),
            }
        }
    }
}
