//! Type and encoding of a document, from its bytes alone.
//!
//! The order is: containers by their magic numbers (`container`), then text: decode it ([`encoding`]) and look at
//! what it says (`text_like`). A declared type (a file extension or a media type) never overrules the bytes. It
//! only decides where they allow several answers: CSV, Markdown and plain text look alike.

mod code;
mod container;
pub mod encoding;
mod file_type;
mod text_like;

pub use encoding::Decoded;
pub use file_type::FileType;

/// What the bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// The type.
    pub file_type: FileType,
    /// The text, for types that are text; `None` for containers and binary data.
    pub decoded: Option<Decoded>,
}

/// Tells the type of `bytes`, and decodes them if they are text.
///
/// `declared` is a file extension (`csv`, `.csv`) or a media type (`text/csv; charset=utf-8`). No bytes at all are of
/// the declared type, or text.
pub fn detect(bytes: &[u8], declared: Option<&str>) -> Detected {
    let declared = declared.and_then(FileType::from_declared);
    if bytes.is_empty() {
        return Detected {
            file_type: declared.unwrap_or(FileType::Text),
            decoded: None,
        };
    }
    if let Some(file_type) = container::sniff(bytes, declared) {
        return Detected {
            file_type,
            decoded: None,
        };
    }
    match encoding::decode(bytes) {
        Some(decoded) => Detected {
            file_type: text_like::sniff(&decoded.text, declared),
            decoded: Some(decoded),
        },
        None => Detected {
            file_type: FileType::Binary,
            decoded: None,
        },
    }
}

/// Tells which archive the bytes are; `None` for everything else, documents that are ZIP archives inside among them.
pub(crate) fn archive_type(bytes: &[u8]) -> Option<FileType> {
    container::sniff(bytes, None).filter(|file_type| file_type.is_archive())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_of(bytes: &[u8], declared: Option<&str>) -> FileType {
        detect(bytes, declared).file_type
    }

    #[test]
    fn bytes_overrule_the_declared_type() {
        assert_eq!(type_of(b"%PDF-1.7\n...", Some("docx")), FileType::Pdf);
        assert_eq!(type_of(b"<!DOCTYPE html><p>x", Some("pdf")), FileType::Html);
        assert_eq!(
            type_of(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some("txt")),
            FileType::Other("a Portable Network Graphics (PNG) file")
        );
    }

    #[test]
    fn pdf_header_may_come_after_garbage() {
        assert_eq!(type_of(b"\0\x01junk\n%PDF-1.4\n", None), FileType::Pdf);
    }

    #[test]
    fn declared_type_decides_between_text_like_types() {
        let bytes = b"a,b\n1,2\n";
        assert_eq!(
            type_of(bytes, Some("text/csv; charset=utf-8")),
            FileType::Csv
        );
        assert_eq!(type_of(bytes, Some(".md")), FileType::Markdown);
        assert_eq!(type_of(bytes, None), FileType::Text);
        assert_eq!(type_of(b"a,b,c\n1,2,3\n4,5,6\n", None), FileType::Csv);
        assert_eq!(type_of(b"a\tb\n1\t2\n3\t4\n", Some("tsv")), FileType::Csv);
    }

    #[test]
    fn json_is_told_by_its_syntax() {
        assert_eq!(type_of(b"{\"a\": [1, 2]}", None), FileType::Json);
        assert_eq!(
            type_of(b"{\"a\": 1}\n{\"a\": 2}\n", Some("txt")),
            FileType::Json
        );
        assert_eq!(type_of(b"{\"a\": [1, ", None), FileType::Json);
        assert_eq!(type_of(b"[1] a footnote", None), FileType::Text);
    }

    #[test]
    fn mail_rtf_and_xml_are_recognised() {
        let mail = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: x\r\n\r\nhello";
        assert_eq!(type_of(mail, None), FileType::Eml);
        let mailbox = [b"From a@b Mon Mar 17 11:15:17 2014\r\n", &mail[..]].concat();
        assert_eq!(type_of(&mailbox, None), FileType::Eml);
        let bare = b"Content-Type: text/plain\n\nhello";
        assert_eq!(type_of(bare, Some("eml")), FileType::Eml);
        assert_eq!(type_of(bare, None), FileType::Text);
        assert_eq!(type_of(b"{\\rtf1\\ansi hello}", None), FileType::Rtf);
        assert_eq!(
            type_of(b"<?xml version=\"1.0\"?><a>1</a>", None),
            FileType::Xml
        );
        let xhtml =
            b"<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"><body/></html>";
        assert_eq!(type_of(xhtml, None), FileType::Html);
    }

    #[test]
    fn binary_data_is_not_text() {
        let noise: Vec<u8> = (0..4096_u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        assert_eq!(type_of(&noise, Some("txt")), FileType::Binary);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_a_type(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2048)) {
            let detected = detect(&bytes, None);
            if let Some(decoded) = detected.decoded {
                proptest::prop_assert!(!detected.file_type.name().is_empty());
                proptest::prop_assert!(decoded.text.len() <= bytes.len() * 3 + 3);
            }
        }
    }
}
