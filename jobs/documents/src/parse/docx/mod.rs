//! Word documents (Office Open XML): the main part in order, then footnotes and endnotes.
//!
//! Headings come from styles ([`styles`]): a style has an outline level, or a built-in name, or is based on one that
//! has. Headers, footers, comments and deleted text are left out; page breaks are no pages, because Word breaks pages
//! when it shows a document.

mod body;
mod styles;

use super::package::{Package, folder_of};
use super::properties;
use super::xml::malformed;
use crate::block::Document;
use crate::detect::FileType;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use body::Body;
use styles::Styles;

/// Reads a document.
///
/// # Errors
/// `parse.truncated` (no directory), `parse.encrypted`, `parse.bomb`, `parse.malformed`, `parse.limit` (nesting).
pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    let mut package = Package::open(bytes, "DOCX", limits)?;
    let mut builder = DocumentBuilder::new(FileType::Docx);
    let main = package.main_part("word/document.xml")?;
    let xml = package.read(&main)?.ok_or_else(|| {
        malformed(format!(
            "the archive has no `{main}`, so it is no Word document"
        ))
    })?;
    let folder = folder_of(&main);
    let styles = match package.read(&format!("{folder}/styles.xml"))? {
        Some(xml) => Styles::read(&xml, limits)?,
        None => Styles::default(),
    };
    properties::set_title(&mut package, properties::OFFICE, limits, &mut builder)?;
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

#[cfg(test)]
mod tests {
    use crate::block::{BlockKind, Document};
    use crate::error::{ErrorCode, ParseError};
    use crate::limits::Limits;
    use crate::parse::parse_bytes;
    use crate::parse::test_package::package;

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
