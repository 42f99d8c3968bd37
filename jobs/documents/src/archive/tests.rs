use std::io::{Cursor, Write as _};

use ::zip::ZipWriter;
use ::zip::write::SimpleFileOptions;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::block::Document;
use crate::parse::parse_bytes;

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
}

/// A TAR archive; names are written as they are, `..` too.
fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, content) in members {
        builder
            .append(
                &header(name, content.len(), ::tar::EntryType::Regular),
                *content,
            )
            .unwrap();
    }
    builder.into_inner().unwrap()
}

fn header(name: &str, size: usize, kind: ::tar::EntryType) -> ::tar::Header {
    let mut header = ::tar::Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_entry_type(kind);
    header.set_cksum();
    header
}

/// What a walk gives: each name with its text or its error's code.
fn visited(bytes: &[u8], limits: &Limits) -> Result<Vec<(String, String)>, ErrorCode> {
    let mut found = Vec::new();
    members(bytes, limits, |name, content| {
        let content = match content {
            Ok(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Err(error) => error.code.to_string(),
        };
        found.push((name.to_owned(), content));
        ControlFlow::Continue(())
    })
    .map_err(|error| error.code)?;
    Ok(found)
}

fn names(bytes: &[u8]) -> Vec<String> {
    visited(bytes, &Limits::default())
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

fn parse(bytes: &[u8]) -> Result<Document, ParseError> {
    let document = parse_bytes(bytes, None, &Limits::default())?;
    document.check().unwrap();
    Ok(document)
}

#[test]
fn every_kind_of_archive_is_walked_over() {
    let files: &[(&str, &[u8])] = &[("a.txt", b"one"), ("folder/b.txt", b"two")];
    let expected = [("a.txt", "one"), ("folder/b.txt", "two")];
    let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
    for bytes in [zip(files), tar(files), gzip(&tar(files)), zstd(&tar(files))] {
        assert_eq!(visited(&bytes, &Limits::default()).unwrap(), expected);
    }
    assert_eq!(names(&gzip(b"text")), ["content"]);
    assert_eq!(
        visited(b"no archive", &Limits::default()),
        Err(ErrorCode::Unsupported)
    );
}

#[test]
fn archives_within_are_opened_up_to_the_limit() {
    let mut bytes = zip(&[("deep.txt", b"deep")]);
    for level in (1..5).rev() {
        bytes = zip(&[(&format!("{level}.zip"), &bytes), ("side.txt", b"side")]);
    }
    let found = visited(&bytes, &Limits::default()).unwrap();
    let limited = ("1.zip/2.zip/3.zip".to_owned(), "parse.limit".to_owned());
    assert_eq!(found[0], limited);
    assert_eq!(found.len(), 4, "{found:?}");
    assert_eq!(found[3].0, "side.txt");
    assert_eq!(
        names(&zip(&[("notes.txt.gz", &gzip(b"text"))])),
        ["notes.txt"]
    );
}

#[test]
fn names_and_links_that_lead_outside_are_refused() {
    let evil: &[(&str, &[u8])] = &[
        ("../up.txt", b"x"),
        ("/etc/abs.txt", b"x"),
        ("..\\win.txt", b"x"),
        ("C:\\win.txt", b"x"),
        ("./ok.txt", b"x"),
    ];
    for bytes in [zip(evil), tar(evil)] {
        let found = visited(&bytes, &Limits::default()).unwrap();
        let codes: Vec<&str> = found.iter().map(|(_, content)| content.as_str()).collect();
        assert_eq!(codes[..4], ["parse.malformed"; 4]);
        assert_eq!(found[4], ("ok.txt".to_owned(), "x".to_owned()));
    }
    let mut builder = ::tar::Builder::new(Vec::new());
    let mut link = header("link", 0, ::tar::EntryType::Symlink);
    link.set_link_name("/etc/passwd").unwrap();
    link.set_cksum();
    builder.append(&link, &b""[..]).unwrap();
    let found = visited(&builder.into_inner().unwrap(), &Limits::default()).unwrap();
    assert_eq!(found, [("link".to_owned(), "parse.unsupported".to_owned())]);
}

#[test]
fn bombs_are_refused_by_size_by_sum_and_by_ratio() {
    let limits = Limits {
        max_member_bytes: 1 << 20,
        max_inflated_bytes: 3 << 20,
        ..Limits::default()
    };
    let big = vec![b' '; 2 << 20];
    let found = visited(&zip(&[("big.txt", &big), ("small.txt", b"x")]), &limits).unwrap();
    assert_eq!(found[0].1, "parse.bomb");
    assert_eq!(found[1].1, "x");
    assert_eq!(visited(&gzip(&big), &limits), Err(ErrorCode::Bomb));
    let fits = vec![b' '; 1 << 20];
    let many = [("a", &fits[..]), ("b", &fits), ("c", &fits), ("d", &fits)];
    assert_eq!(visited(&zip(&many), &limits), Err(ErrorCode::Bomb));
    assert_eq!(visited(&gzip(&tar(&many)), &limits), Err(ErrorCode::Bomb));

    let error = parse(&gzip(&vec![b' '; 40 << 20])).unwrap_err();
    assert_eq!(error.code, ErrorCode::Bomb);
    assert_eq!(
        error.message,
        "it inflates to more than 250 times its size, the limit"
    );
}

#[test]
fn number_of_members_is_bounded() {
    let limits = Limits {
        max_members: 2,
        ..Limits::default()
    };
    let files: &[(&str, &[u8])] = &[("a", b"1"), ("b", b"2"), ("c", b"3"), ("d", b"4")];
    let found = visited(&zip(files), &limits).unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(found[2], ("c".to_owned(), "parse.limit".to_owned()));
}

#[test]
fn damaged_archives_give_what_comes_before_the_damage() {
    let files: &[(&str, &[u8])] = &[("a.txt", b"one"), ("b.txt", &[b'x'; 2000])];
    let archive = tar(files);
    let cut = visited(&archive[..1800], &Limits::default()).unwrap();
    assert_eq!(cut[0].1, "one");
    assert_eq!(cut[1].1, "parse.truncated");
    let archive = gzip(&vec![b'x'; 100_000]);
    assert_eq!(
        parse(&archive[..archive.len() - 20]).unwrap_err().code,
        ErrorCode::Truncated
    );
    let archive = zip(files);
    assert_eq!(
        parse(&archive[..archive.len() - 40]).unwrap_err().code,
        ErrorCode::Truncated
    );
}

#[test]
fn members_are_sections_and_a_single_file_is_itself() {
    let document = parse(&zip(&[
        ("a.md", b"# Head\n\ntext"),
        ("b.png", PNG),
        ("c.csv", b"1,2\n3,4\n"),
    ]))
    .unwrap();
    assert_eq!(document.file_type, "zip");
    assert_eq!(
        document.text,
        "a.md\n\nHead\n\ntext\n\nc.csv\n\n1 | 2\n3 | 4"
    );
    assert_eq!(document.blocks[2].heading_path, ["a.md", "Head"]);
    assert_eq!(document.warnings.len(), 1);
    assert!(document.warnings[0].starts_with("`b.png` was left out: this is a Portable Network"));

    let document = parse(&gzip(b"plain text")).unwrap();
    assert_eq!(
        (document.file_type.as_str(), document.text.as_str()),
        ("text", "plain text")
    );
    let nothing = parse(&zip(&[])).unwrap_err();
    assert_eq!(nothing.code, ErrorCode::Empty);
    let binary = parse(&zip(&[("b.png", PNG)])).unwrap_err();
    assert_eq!(binary.code, ErrorCode::Unsupported);
}

#[test]
fn names_in_the_encoding_of_another_system_are_decoded() {
    let (name, ..) = encoding_rs::GBK.encode("会议记录与项目计划文档说明.txt");
    assert_eq!(names::decode(&name), "会议记录与项目计划文档说明.txt");
}

proptest::proptest! {
    #[test]
    fn damaged_archives_never_panic(
        kind in 0..4_usize,
        damage in proptest::collection::vec((0.0..1.0_f64, proptest::num::u8::ANY), 0..12),
        cut in 0.5..1.0_f64,
    ) {
        let inner = zip(&[("x.txt", b"inner text of some length")]);
        let files: &[(&str, &[u8])] = &[("a.txt", b"one"), ("b/c.zip", &inner), ("d.txt", &[b'y'; 700])];
        let mut bytes = match kind {
            0 => zip(files),
            1 => tar(files),
            2 => gzip(&tar(files)),
            _ => zstd(&tar(files)),
        };
        for (at, byte) in damage {
            let at = (at * bytes.len() as f64) as usize;
            bytes[at] = byte;
        }
        bytes.truncate((cut * bytes.len() as f64) as usize);
        let _ = visited(&bytes, &Limits::default());
        if let Ok(document) = parse_bytes(&bytes, None, &Limits::default()) {
            proptest::prop_assert_eq!(document.check(), Ok(()));
        }
    }
}
