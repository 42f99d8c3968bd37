//! The parsers of office formats on real, hostile and damaged files.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that panics has failed, and one that did not run must say so"
)]

mod corpus_files;

use std::path::Path;

use corpus_files::{CORPUS, Entry, Outcome, entries, f1, parse, unmet_expectations};
use graphmill_documents::{BlockKind, ErrorCode, Limits, parse_bytes};
use proptest::prelude::*;

const FORMATS: [&str; 10] = [
    "doc", "odp", "ods", "odt", "ppt", "pptx", "rtf", "xls", "xlsb", "xlsx",
];
/// Every file with a truth reaches 0.997.
const MIN_F1: f64 = 0.995;

fn office_entries() -> Option<Vec<Entry>> {
    entries(&FORMATS)
}

/// Files that must not parse though the manifest has no word on them.
fn known_error(path: &str) -> Option<ErrorCode> {
    match path {
        // `protect.xlsx` is encrypted with the password that Excel tries by itself.
        "xlsx/password_protected.xlsx" | "xlsx/protect.xlsx" | "ods/pass_protected.ods" => {
            Some(ErrorCode::Encrypted)
        }
        _ => None,
    }
}

#[test]
fn real_files_parse_and_agree_with_their_truth() {
    let Some(entries) = office_entries() else {
        return;
    };
    let mut failures = Vec::new();
    for format in FORMATS {
        for entry in entries
            .iter()
            .filter(|entry| entry.extension() == format && !entry.is_hostile())
        {
            let path = &entry.path;
            match (parse(entry), known_error(path)) {
                (Outcome::Document(document), None) => {
                    if document.file_type != format {
                        failures.push(format!("{path}: read as {}", document.file_type));
                    }
                    if let Err(broken) = document.check() {
                        failures.push(format!("{path}: {broken}"));
                    }
                    let Some(truth) = entry.truth() else { continue };
                    let score = f1(&document.text, &truth);
                    println!("{path}: F1 {score:.4}");
                    if score < MIN_F1 {
                        failures.push(format!("{path}: F1 {score:.4}"));
                    }
                }
                (Outcome::Error(error), Some(code)) if error.code == code => {}
                (Outcome::Document(_), Some(_)) => failures.push(format!("{path}: parsed")),
                (Outcome::Error(error), _) => {
                    failures.push(format!("{path}: {}: {}", error.code, error.message));
                }
                (Outcome::Died(how), _) => failures.push(format!("{path}: {how}")),
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn hostile_files_give_what_the_manifest_expects() {
    let Some(entries) = office_entries() else {
        return;
    };
    let failures = unmet_expectations(&entries);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The same chapter in every format has headings, lists, tables and code.
#[test]
fn structure_of_real_files_is_kept() {
    for path in [
        "doc/gen-en-ch02.doc",
        "rtf/gen-en-ch02.rtf",
        "odt/gen-en-ch01.odt",
        "pptx/gen-en-ch09.pptx",
        "odp/gen-en-ch09.odp",
        "ppt/gen-en-ch03.ppt",
        "xlsx/gen-iso-4217-zh_CN.xlsx",
        "xls/gen-iso-4217-zh_CN.xls",
        "ods/gen-iso-4217-zh_CN.ods",
    ] {
        let Some(bytes) = corpus_bytes(path) else {
            return;
        };
        let document = parse_bytes(&bytes, None, &Limits::default()).unwrap();
        let count = |wanted: fn(BlockKind) -> bool| {
            document
                .blocks
                .iter()
                .filter(|block| wanted(block.kind))
                .count()
        };
        let headings = count(|kind| matches!(kind, BlockKind::Heading(_)));
        let tables = count(|kind| kind == BlockKind::Table);
        println!(
            "{path}: {headings} headings, {tables} tables, {} pages",
            document.pages.len()
        );
        assert!(headings > 0, "{path} has no heading");
        assert!(tables > 0, "{path} has no table");
    }
}

#[test]
fn sheets_of_one_workbook_are_the_same_in_every_format() {
    for name in [
        "iso-15924-fr",
        "iso-3166-1-zh_CN",
        "iso-4217-zh_CN",
        "iso-639-2-zh_TW",
    ] {
        let texts: Vec<_> = ["xlsx", "xls", "ods"]
            .iter()
            .filter_map(|format| corpus_bytes(&format!("{format}/gen-{name}.{format}")))
            .map(|bytes| parse_bytes(&bytes, None, &Limits::default()).unwrap().text)
            .collect();
        for text in &texts {
            assert!(text.lines().count() > 100, "{name} has few rows");
            assert!(f1(text, &texts[0]) > 0.99, "{name} differs between formats");
        }
    }
}

fn corpus_bytes(path: &str) -> Option<Vec<u8>> {
    let bytes = std::fs::read(Path::new(CORPUS).join(path)).ok();
    if bytes.is_none() {
        println!("no {path} in the corpus: nothing tested");
    }
    bytes
}

/// Small files of every format, made for the corpus.
const SMALL: [&str; 9] = [
    "doc/gen-en-ch10.doc",
    "ppt/gen-en-ch03.ppt",
    "xls/gen-iso-15924-fr.xls",
    "rtf/gen-en-ch08.rtf",
    "xlsx/gen-iso-15924-fr.xlsx",
    "pptx/gen-en-ch03.pptx",
    "odt/gen-en-ch07.odt",
    "ods/gen-iso-639-2-zh_TW.ods",
    "odp/gen-en-ch12.odp",
];

/// What happens to a file on its way.
#[derive(Debug, Clone)]
enum Damage {
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    /// Numbers are sizes and places; the largest are the most dangerous.
    Overwrite(prop::sample::Index, [u8; 4]),
    Remove(prop::sample::Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    let number = prop_oneof![
        Just([0xFF; 4]),
        Just([0xFF, 0xFF, 0xFF, 0x7F]),
        Just([0; 4]),
        any::<[u8; 4]>()
    ];
    prop_oneof![
        1 => at().prop_map(Damage::Cut),
        4 => (at(), any::<u8>()).prop_map(|(at, mask)| Damage::Flip(at, mask)),
        4 => (at(), number).prop_map(|(at, number)| Damage::Overwrite(at, number)),
        1 => (at(), 1..2000_usize).prop_map(|(at, count)| Damage::Remove(at, count)),
    ]
}

fn apply(damages: &[Damage], bytes: &mut Vec<u8>) {
    for damage in damages {
        if bytes.is_empty() {
            return;
        }
        match damage {
            Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Damage::Flip(at, mask) => {
                let at = at.index(bytes.len());
                bytes[at] ^= mask;
            }
            Damage::Overwrite(at, number) => {
                let at = at.index(bytes.len());
                for (byte, new) in bytes[at..].iter_mut().zip(number) {
                    *byte = *new;
                }
            }
            Damage::Remove(at, count) => {
                let at = at.index(bytes.len());
                let end = (at + count).min(bytes.len());
                bytes.drain(at..end);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_parse_or_fail(
        path in prop::sample::select(&SMALL[..]),
        damages in prop::collection::vec(damage(), 1..12),
    ) {
        if let Some(mut bytes) = corpus_bytes(path) {
            apply(&damages, &mut bytes);
            if let Ok(document) = parse_bytes(&bytes, None, &Limits::default()) {
                prop_assert_eq!(document.check(), Ok(()));
            }
        }
    }
}
