//! Word documents (Office Open XML): the main part in order, then footnotes and endnotes.
//!
//! Headings come from styles ([`styles`]): a style has an outline level, or a built-in name, or is based on one that
//! has. Headers, footers, comments and deleted text are left out; page breaks are no pages, because Word breaks pages
//! when it shows a document.

mod body;
mod properties;
mod styles;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::package::Package;
use crate::block::Document;
use crate::detect::FileType;
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use body::Body;
use styles::Styles;

/// Reads a document.
///
/// # Errors
/// `parse.truncated` (no directory), `parse.encrypted`, `parse.bomb`, `parse.malformed`, `parse.limit` (nesting).
pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    let mut package = Package::open(bytes, limits)?;
    let mut builder = DocumentBuilder::new(FileType::Docx);
    let main = package.main_part()?;
    let xml = package.read(&main)?.ok_or_else(|| {
        malformed(format!(
            "the archive has no `{main}`, so it is no Word document"
        ))
    })?;
    let folder = main
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder)
        .to_owned();
    let styles = match package.read(&format!("{folder}/styles.xml"))? {
        Some(xml) => Styles::read(&xml, limits)?,
        None => Styles::default(),
    };
    if let Some(properties) = package.read("docProps/core.xml")? {
        // Damaged properties cost the title, not the document.
        if let Ok(Some(title)) = properties::title(&properties, limits) {
            builder.set_title(&title);
        }
    }
    Body::new(&styles, limits, &mut builder).read(&xml)?;
    for part in ["footnotes", "endnotes"] {
        if let Some(xml) = package.read(&format!("{folder}/{part}.xml"))? {
            Body::new(&styles, limits, &mut builder).read(&xml)?;
        }
    }
    for warning in package.warnings() {
        builder.warn(warning);
    }
    Ok(builder.finish())
}

/// Calls `visit` for each event of `xml` with the nesting before it, which is bounded.
///
/// Entities other than the five of XML and character references are not expanded; they reach `visit` as they are.
pub(super) fn walk_xml(
    xml: &str,
    limits: &Limits,
    mut visit: impl FnMut(&Event<'_>) -> Result<(), ParseError>,
) -> Result<(), ParseError> {
    let mut reader = Reader::from_str(xml);
    // Word never writes mismatched tags; damaged files have them, and their text is worth having.
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut depth = 0_usize;
    loop {
        let event = reader.read_event().map_err(|error| {
            malformed(format!(
                "damaged XML at byte {}: {error}",
                reader.error_position()
            ))
        })?;
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Eof => return Ok(()),
            _ => {}
        }
        if depth > limits.max_nesting {
            return Err(ParseError::new(
                ErrorCode::Limit,
                format!(
                    "elements are nested more than {} levels deep",
                    limits.max_nesting
                ),
            ));
        }
        visit(&event)?;
    }
}

/// Returns the value of an attribute, by its name without prefix.
pub(super) fn attribute(element: &quick_xml::events::BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)?;
    attribute
        .normalized_value(quick_xml::XmlVersion::Implicit1_0)
        .ok()
        .map(std::borrow::Cow::into_owned)
}

/// Resolves `&lt;` and `&#x41;`; other entities are not expanded.
pub(super) fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Option<char> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Some(character);
    }
    match reference.borrow().into_inner().as_ref() {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

pub(super) fn malformed(message: impl Into<String>) -> ParseError {
    ParseError::new(ErrorCode::Malformed, message)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use crate::block::{BlockKind, Document};
    use crate::error::{ErrorCode, ParseError};
    use crate::limits::Limits;
    use crate::parse::parse_bytes;

    fn package(parts: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            writer
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn parse(body: &str) -> Result<Document, ParseError> {
        let main = format!(
            "<?xml version=\"1.0\"?><w:document xmlns:w=\"w\"><w:body>{body}</w:body></w:document>"
        );
        let core = "<cp:coreProperties><dc:title>A &amp; B</dc:title></cp:coreProperties>";
        let notes = "<w:footnotes><w:footnote><w:p><w:r><w:t>note</w:t></w:r></w:p></w:footnote></w:footnotes>";
        let bytes = package(&[
            ("word/document.xml", main.as_str()),
            ("docProps/core.xml", core),
            ("word/footnotes.xml", notes),
        ]);
        let document = parse_bytes(&bytes, None, &Limits::default())?;
        document.check().unwrap();
        Ok(document)
    }

    #[test]
    fn structure_is_kept_and_deleted_text_goes() {
        let document = parse(
            "<w:p><w:pPr><w:pStyle w:val=\"Heading1\"/></w:pPr><w:r><w:t>One</w:t></w:r></w:p>\
             <w:p><w:pPr><w:tabs><w:tab w:val=\"left\"/></w:tabs></w:pPr><w:r><w:t xml:space=\"preserve\">a </w:t></w:r>\
             <w:r><w:t>&lt;b&gt;</w:t><w:tab/><w:t>c</w:t><w:br/><w:t>d</w:t></w:r>\
             <w:del><w:r><w:delText>gone</w:delText><w:t>gone</w:t></w:r></w:del></w:p>\
             <w:p><w:pPr><w:numPr><w:numId w:val=\"1\"/></w:numPr></w:pPr><w:r><w:t>item</w:t></w:r></w:p>\
             <w:tbl><w:tr><w:tc><w:p><w:r><w:t>k</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>v</w:t></w:r></w:p>\
             <w:p><w:r><w:t>w</w:t></w:r></w:p></w:tc></w:tr></w:tbl>",
        )
        .unwrap();
        assert_eq!(document.title.as_deref(), Some("A & B"));
        assert_eq!(
            document.text,
            "One\n\na <b> c\nd\n\nitem\n\nk | v w\n\nnote"
        );
        let kinds: Vec<BlockKind> = document.blocks.iter().map(|block| block.kind).collect();
        assert_eq!(
            kinds,
            [
                BlockKind::Heading(1),
                BlockKind::Paragraph,
                BlockKind::ListItem,
                BlockKind::Table,
                BlockKind::Paragraph
            ]
        );
        assert_eq!(document.blocks[1].heading_path, ["One"]);
    }

    #[test]
    fn text_boxes_are_paragraphs_and_their_copies_are_skipped() {
        let document = parse(
            "<w:p><w:r><w:t>before</w:t><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p>\
             </w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p></w:txbxContent>\
             </mc:Fallback></mc:AlternateContent><w:t> after</w:t></w:r></w:p>",
        )
        .unwrap();
        assert_eq!(document.text, "box\n\nbefore after\n\nnote");
    }

    #[test]
    fn bombs_and_deep_nesting_are_refused() {
        let limits = Limits {
            max_member_bytes: 1 << 20,
            ..Limits::default()
        };
        let bomb = package(&[("word/document.xml", &" ".repeat(2 << 20))]);
        assert_eq!(
            parse_bytes(&bomb, None, &limits).unwrap_err().code,
            ErrorCode::Bomb
        );
        assert_eq!(
            parse(&"<w:x>".repeat(2000)).unwrap_err().code,
            ErrorCode::Limit
        );
    }

    #[test]
    fn archive_without_its_end_is_truncated() {
        let bytes = package(&[("word/document.xml", "<w:document/>")]);
        let error = parse_bytes(&bytes[..bytes.len() - 40], None, &Limits::default()).unwrap_err();
        assert_eq!(error.code, ErrorCode::Truncated);
    }

    #[test]
    fn custom_entities_are_not_expanded() {
        let xml = "<!DOCTYPE d [<!ENTITY a \"boom\">]><w:document><w:p><w:t>x&a;y</w:t></w:p></w:document>";
        let bytes = package(&[("word/document.xml", xml)]);
        let document = parse_bytes(&bytes, None, &Limits::default()).unwrap();
        assert_eq!(document.text, "xy");
        assert_eq!(
            document.warnings,
            ["entities of the document were not expanded"]
        );
    }
}
