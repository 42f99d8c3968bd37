use std::io::{Cursor, Write as _};

use crate::block::{BlockKind, Document};
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;
use crate::parse::parse_bytes;

fn try_parse(bytes: &[u8]) -> Result<Document, ParseError> {
    let document = parse_bytes(bytes, Some("eml"), &Limits::default())?;
    document.check().unwrap();
    Ok(document)
}

fn parse(bytes: &[u8]) -> Document {
    let document = try_parse(bytes).unwrap();
    assert_eq!(document.file_type, "eml");
    document
}

const HEADER: &str = "From: =?utf-8?B?5p2O?= <li@example.org>\r\nTo: a@example.org, B C <b@example.org>\r\n\
    Date: Tue, 05 Aug 2025 10:00:00 +0800\r\nSubject: =?gb18030?B?xOO6w6Os?=\r\n =?utf-8?Q?world?=\r\nMIME-Version: 1.0\r\n";

fn multipart(kind: &str, parts: &[&str]) -> String {
    let parts: Vec<String> = parts
        .iter()
        .map(|part| format!("--b\r\n{part}\r\n"))
        .collect();
    let parts = parts.concat();
    format!("{HEADER}Content-Type: multipart/{kind}; boundary=\"b\"\r\n\r\n{parts}--b--\r\n")
}

#[test]
fn header_comes_first_and_plain_text_is_preferred() {
    let mail = multipart(
        "alternative",
        &[
            "Content-Type: text/plain; charset=utf-8\r\n\r\nfirst\r\n\r\nsecond",
            "Content-Type: text/html\r\n\r\n<p>first<p>second",
        ],
    );
    let document = parse(mail.as_bytes());
    assert_eq!(document.title.as_deref(), Some("你好，world"));
    assert_eq!(
        document.text,
        "From: 李 <li@example.org>\nTo: a@example.org, B C <b@example.org>\n\
         Date: Tue, 5 Aug 2025 10:00:00 +0800\nSubject: 你好，world\n\nfirst\n\nsecond"
    );
    let html_only = multipart(
        "alternative",
        &["Content-Type: text/html\r\n\r\n<h1>Head</h1><p>body"],
    );
    assert!(
        parse(html_only.as_bytes())
            .text
            .ends_with("\n\nHead\n\nbody")
    );
}

#[test]
fn attachments_are_sections_and_broken_ones_warnings() {
    let mail = multipart(
        "mixed",
        &[
            "Content-Type: text/plain\r\n\r\nbody",
            "Content-Type: text/markdown\r\nContent-Disposition: attachment; filename=\"notes.md\"\r\n\r\n# Notes\r\n\r\nnoted",
            "Content-Type: image/png; name=\"x.png\"\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment\r\n\r\niVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
            "Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=broken.pdf\r\n\r\n%PDF-1.7 no more",
            "Content-Type: message/rfc822\r\n\r\nFrom: c@example.org\r\nSubject: inner\r\n\r\ninner text",
        ],
    );
    let document = parse(mail.as_bytes());
    let body = document.text.split_once("\n\n").unwrap().1;
    assert_eq!(
        body,
        "body\n\nAttachment: notes.md\n\nNotes\n\nnoted\n\nAttachment: x.png\n\nAttachment: broken.pdf\n\n\
         Attachment: inner\n\nFrom: c@example.org\nSubject: inner\n\ninner text"
    );
    assert_eq!(document.warnings.len(), 1, "{:?}", document.warnings);
    assert!(document.warnings[0].starts_with("attachment `broken.pdf` was left out: "));
    let noted = document
        .blocks
        .iter()
        .find(|block| &document.text[block.start..block.end] == "noted");
    assert_eq!(
        noted.unwrap().heading_path,
        ["Attachment: notes.md", "Notes"]
    );
}

#[test]
fn wrong_and_missing_charsets_are_guessed() {
    let text = "会议定于下周二上午十点在二楼会议室举行，请各位准时参加。";
    let (gbk, ..) = encoding_rs::GBK.encode(text);
    for label in [
        "",
        "; charset=klingon",
        "; charset=utf-8",
        "; charset=gb2312",
        "; charset=GB18030",
    ] {
        let header = format!("From: a@b\r\nSubject: x\r\nContent-Type: text/plain{label}\r\n\r\n");
        let mail = [header.as_bytes(), &gbk].concat();
        assert!(parse(&mail).text.ends_with(text), "{label}");
    }
    let (subject, ..) = encoding_rs::GBK.encode("Subject: 会议通知以及相关的各项安排");
    let mail = [b"From: a@b\r\n", &*subject, b"\r\nTo: c@d\r\n\r\ntext"].concat();
    assert_eq!(
        parse(&mail).title.as_deref(),
        Some("会议通知以及相关的各项安排")
    );
}

#[test]
fn nested_mails_are_read_up_to_the_limit() {
    let mut mail = "From: a@b\r\nSubject: 9\r\n\r\ndeepest".to_owned();
    for level in (0..9).rev() {
        mail =
            format!("From: a@b\r\nSubject: {level}\r\nContent-Type: message/rfc822\r\n\r\n{mail}");
    }
    let document = parse(mail.as_bytes());
    assert!(document.text.contains("Subject: 2"));
    assert!(!document.text.contains("deepest"));
    assert_eq!(document.warnings.len(), 1);
    assert!(document.warnings[0].contains("nested more than 3 levels deep"));

    let nest = "Content-Type: message/rfc822\r\n\r\n".repeat(20_000);
    let error = try_parse(format!("From: a@b\r\nTo: c@d\r\n{nest}x").as_bytes()).unwrap_err();
    assert_eq!(error.code, ErrorCode::Limit);
    let nest: Vec<String> = (0..20_000)
        .map(|level| {
            format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n")
        })
        .collect();
    let nest = nest.concat();
    parse(format!("From: a@b\r\nTo: c@d\r\n{nest}x").as_bytes());
}

#[test]
fn mailboxes_have_a_section_for_each_mail() {
    let mail = |subject: &str| {
        format!(
            "From a@b Thu Jan  1 00:00:00 2020\nFrom: a@b\nSubject: {subject}\n\nFrom here on.\n\n"
        )
    };
    let document = parse([mail("one"), mail("two")].concat().as_bytes());
    assert_eq!(
        document.text,
        "one\n\nFrom: a@b\nSubject: one\n\nFrom here on.\n\ntwo\n\nFrom: a@b\nSubject: two\n\nFrom here on."
    );
    assert_eq!(document.blocks[5].heading_path, ["two"]);
    assert!(parse(mail("one").as_bytes()).text.starts_with("From: a@b"));
}

#[test]
fn encrypted_mail_is_refused() {
    for kind in [
        "multipart/encrypted; boundary=b",
        "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m",
    ] {
        let mail = format!(
            "From: a@b\r\nTo: c@d\r\nContent-Type: {kind}\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"
        );
        assert_eq!(
            try_parse(mail.as_bytes()).unwrap_err().code,
            ErrorCode::Encrypted
        );
    }
}

/// A message of Outlook with the streams `(path, content)`; texts are UTF-16.
fn msg(streams: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for (path, content) in streams {
        if let Some((folder, _)) = path.rsplit_once('/') {
            file.create_storage_all(format!("/{folder}")).unwrap();
        }
        file.create_stream(format!("/{path}"))
            .unwrap()
            .write_all(content)
            .unwrap();
    }
    file.flush().unwrap();
    file.into_inner().into_inner()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn message_streams() -> Vec<(&'static str, Vec<u8>)> {
    // 2020-01-01 00:00 in tenths of a microsecond from 1601.
    let time = 132_223_104_000_000_000_u64.to_le_bytes();
    let entry = [&[0x40, 0, 0x39, 0, 6, 0, 0, 0][..], &time].concat();
    vec![
        ("__properties_version1.0", [vec![0; 32], entry].concat()),
        ("__substg1.0_0037001F", utf16("主题\0")),
        ("__substg1.0_0C1A001F", utf16("Ann")),
        ("__substg1.0_0C1F001F", utf16("ann@example.org")),
        ("__substg1.0_0E04001E", b"Bob; Cy".to_vec()),
        ("__substg1.0_1000001F", utf16("the body")),
        (
            "__attach_version1.0_#00000000/__substg1.0_3707001F",
            utf16("a.csv"),
        ),
        (
            "__attach_version1.0_#00000000/__substg1.0_37010102",
            b"1,2\n3,4\n".to_vec(),
        ),
        (
            "__attach_version1.0_#00000001/__substg1.0_3001001F",
            utf16("inner"),
        ),
        (
            "__attach_version1.0_#00000001/__substg1.0_3701000D/__substg1.0_0037001F",
            utf16("inner"),
        ),
        (
            "__attach_version1.0_#00000001/__substg1.0_3701000D/__substg1.0_10130102",
            b"<p>page</p>".to_vec(),
        ),
        (
            "__attach_version1.0_#00000002/__substg1.0_3707001F",
            utf16("gone.txt"),
        ),
    ]
}

#[test]
fn outlook_messages_are_read_with_their_attachments() {
    let document = parse_bytes(&msg(&message_streams()), None, &Limits::default()).unwrap();
    document.check().unwrap();
    assert_eq!(document.file_type, "msg");
    assert_eq!(document.title.as_deref(), Some("主题"));
    assert_eq!(
        document.text,
        "From: Ann <ann@example.org>\nTo: Bob; Cy\nDate: Wed, 1 Jan 2020 00:00:00 +0000\nSubject: 主题\n\nthe body\n\n\
         Attachment: a.csv\n\n1 | 2\n3 | 4\n\nAttachment: inner\n\nSubject: inner\n\npage\n\nAttachment: gone.txt"
    );
    assert_eq!(
        document.warnings,
        ["attachment `gone.txt` was left out: it has no data in the message"]
    );
    assert_eq!(document.blocks[3].kind, BlockKind::Table);
}

proptest::proptest! {
    #[test]
    fn damaged_mails_never_panic(
        outlook: bool,
        damage in proptest::collection::vec((0.0..1.0_f64, proptest::num::u8::ANY), 0..12),
        cut in 0.3..1.0_f64,
    ) {
        let mut bytes = if outlook {
            msg(&message_streams())
        } else {
            multipart("mixed", &[
                "Content-Type: text/plain; charset=gbk\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C4=E3=BA",
                "Content-Type: multipart/related; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--",
                "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nRnJvbTogYQoKeA==",
            ]).into_bytes()
        };
        for (at, byte) in damage {
            let at = (at * bytes.len() as f64) as usize;
            bytes[at] = byte;
        }
        bytes.truncate((cut * bytes.len() as f64) as usize);
        if let Ok(document) = parse_bytes(&bytes, Some("eml"), &Limits::default()) {
            proptest::prop_assert_eq!(document.check(), Ok(()));
        }
    }

    #[test]
    fn any_header_parses_or_fails(text in "((From|To|Date|Subject|Content-Type|MIME-Version): |=\\?utf-8\\?[BQ]\\?|\\?=|multipart/mixed|; boundary=b|--b|\r\n|\r\n\r\n| |<|>|,|@|[a-z0-9文\"]){0,60}") {
        let mail = format!("From: a\r\nTo: b\r\n{text}");
        if let Ok(document) = parse_bytes(mail.as_bytes(), Some("eml"), &Limits::default()) {
            proptest::prop_assert_eq!(document.check(), Ok(()));
        }
    }
}
