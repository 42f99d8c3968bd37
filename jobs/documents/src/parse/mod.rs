//! One parser a format, one door to all of them.
//!
//! Each parser takes bytes (or decoded text) and pushes blocks into a builder, which normalises and keeps the
//! document's invariants. Parsers are bounded by [`Limits`] where input decides how much they do; time and memory are
//! bounded by the process they run in (see [`FileType::is_risky`]).

mod archive;
mod code;
mod csv;
mod docx;
mod epub;
mod html;
mod json;
mod mail;
mod markdown;
mod package;
mod pdf;
mod rst;
mod text;
mod xml_text;

use crate::block::Document;
use crate::detect::{Decoded, FileType, detect};
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;
use crate::nest::{Nest, Usage};
use crate::normalise::DocumentBuilder;

/// Reads a document.
///
/// The type is told from the bytes; `declared_type` (a file extension or a media type) only decides between types that
/// look alike. An empty text is an empty document.
///
/// # Errors
/// A [`ParseError`] with every code but `parse.too_large`, `parse.timeout`, `parse.memory` and `parse.crashed`, which
/// come from the process around the parser.
pub fn parse_bytes(
    bytes: &[u8],
    declared_type: Option<&str>,
    limits: &Limits,
) -> Result<Document, ParseError> {
    let usage = Usage::default();
    parse_within(bytes, declared_type, Nest::outermost(limits, &usage))
}

/// Reads a document that may lie within others.
fn parse_within(
    bytes: &[u8],
    declared_type: Option<&str>,
    nest: Nest<'_>,
) -> Result<Document, ParseError> {
    let limits = nest.limits;
    let detected = detect(bytes, declared_type);
    let file_type = detected.file_type;
    if bytes.is_empty() && !file_type.is_text_without_rules() {
        return Err(ParseError::new(
            ErrorCode::Empty,
            format!("the file is empty; {} needs some bytes", file_type.name()),
        ));
    }
    match file_type {
        FileType::Pdf => return pdf::parse(bytes, limits),
        FileType::Docx => return docx::parse(bytes, limits),
        FileType::Epub => return epub::parse(bytes, limits),
        FileType::Eml => return mail::parse_eml(bytes, nest),
        FileType::Msg => return mail::parse_msg(bytes, nest),
        FileType::Zip | FileType::Tar | FileType::Gzip | FileType::Zstd => {
            return archive::parse(bytes, file_type, nest);
        }
        FileType::EncryptedOffice => return Err(encrypted(file_type)),
        _ if !file_type.is_supported() => return Err(unsupported(file_type)),
        _ => {}
    }
    let mut builder = DocumentBuilder::new(file_type);
    let decoded = detected.decoded.unwrap_or(Decoded {
        text: String::new(),
        encoding: "utf-8",
        lossy: false,
    });
    builder.set_encoding(decoded.encoding, decoded.lossy);
    let text = decoded.text.trim_start_matches('\u{FEFF}');
    match file_type {
        FileType::Html => html::parse(text, limits, &mut builder),
        FileType::Markdown => markdown::parse(text, limits, &mut builder),
        FileType::Csv => csv::parse(text, limits, &mut builder),
        FileType::Json => json::parse(text, &mut builder)?,
        FileType::Xml => xml_text::parse(text, limits, &mut builder)?,
        FileType::Rst => rst::parse(text, &mut builder),
        FileType::Code => code::parse(text, &mut builder),
        _ => text::parse(text, &mut builder),
    }
    Ok(builder.finish())
}

fn unsupported(file_type: FileType) -> ParseError {
    ParseError::new(
        ErrorCode::Unsupported,
        format!(
            "this is {}; supported are {}",
            file_type.name(),
            FileType::SUPPORTED
        ),
    )
}

fn encrypted(file_type: FileType) -> ParseError {
    ParseError::new(
        ErrorCode::Encrypted,
        format!(
            "{} needs a password; save a copy without one and submit that",
            file_type.name()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_type_is_named() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        let error = parse_bytes(png, Some("txt"), &Limits::default()).unwrap_err();
        assert_eq!(error.code, ErrorCode::Unsupported);
        let supported = FileType::SUPPORTED;
        assert_eq!(
            error.message,
            format!("this is a Portable Network Graphics (PNG) file; supported are {supported}")
        );
    }

    #[test]
    fn empty_text_is_a_document_and_empty_pdf_is_an_error() {
        let document = parse_bytes(b"", Some("txt"), &Limits::default()).unwrap();
        assert_eq!(
            (document.text.as_str(), document.file_type.as_str()),
            ("", "text")
        );
        for declared in ["pdf", "docx"] {
            let error = parse_bytes(b"", Some(declared), &Limits::default()).unwrap_err();
            assert_eq!(error.code, ErrorCode::Empty);
        }
    }

    const TEXT_TYPES: &[&str] = &[
        "txt", "md", "html", "csv", "json", "xml", "rst", "rs", "eml",
    ];

    proptest::proptest! {
        #[test]
        fn any_bytes_parse_or_fail_as_any_text_type(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600),
            declared in proptest::sample::select(TEXT_TYPES),
        ) {
            if let Ok(document) = parse_bytes(&bytes, Some(declared), &Limits::default()) {
                proptest::prop_assert_eq!(document.check(), Ok(()));
            }
        }

        #[test]
        fn any_markup_parses_as_any_text_type(
            text in "([<>/a-z #*`|\\[\\](){}\",:=\\n\\-é文]|<td>|<tr>|<table>|</p>|<li>|<script>|&#x0;|```){0,80}",
            declared in proptest::sample::select(TEXT_TYPES),
        ) {
            if let Ok(document) = parse_bytes(text.as_bytes(), Some(declared), &Limits::default()) {
                proptest::prop_assert_eq!(document.check(), Ok(()));
            }
        }
    }
}
