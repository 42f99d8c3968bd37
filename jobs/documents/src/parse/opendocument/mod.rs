//! OpenDocument texts and presentations. Sheets are read by [`super::sheet`].
//!
//! The content is one part. Headings are elements of their own; captions, quotes and code are told by the names of
//! styles ([`styles`]). Footnotes follow the text; deleted text, comments, and the dates, footers and numbers of slides
//! are left out.

mod body;
mod styles;

use super::encrypted;
use super::package::Package;
use super::properties;
use super::xml::malformed;
use crate::block::Document;
use crate::detect::FileType;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use body::Body;
use styles::Styles;

/// Reads a text.
///
/// # Errors
/// As [`content`], and `parse.limit` (nesting).
pub(super) fn parse_text(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    parse(bytes, FileType::Odt, limits)
}

/// Reads a presentation; slides are pages.
///
/// # Errors
/// As [`content`], and `parse.limit` (nesting).
pub(super) fn parse_presentation(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    parse(bytes, FileType::Odp, limits)
}

fn parse(bytes: &[u8], file_type: FileType, limits: &Limits) -> Result<Document, ParseError> {
    let mut builder = DocumentBuilder::new(file_type);
    let (xml, mut package) = content(bytes, file_type, limits, &mut builder)?;
    let mut styles = Styles::default();
    if let Some(xml) = package.read("styles.xml")? {
        // Damaged styles cost the kinds of some paragraphs, not the document.
        let _ = styles.read(&xml, limits);
    }
    Body::new(styles, limits, &mut builder).read(&xml)?;
    for warning in package.warnings() {
        builder.warn(warning);
    }
    Ok(builder.finish())
}

/// Opens a package and returns its content; gives the builder the title.
///
/// # Errors
/// `parse.truncated` (no directory), `parse.encrypted`, `parse.bomb`, `parse.malformed`.
pub(super) fn content<'a>(
    bytes: &'a [u8],
    file_type: FileType,
    limits: &'a Limits,
    builder: &mut DocumentBuilder,
) -> Result<(String, Package<'a>), ParseError> {
    let format = match file_type {
        FileType::Ods => "ODS",
        FileType::Odp => "ODP",
        _ => "ODT",
    };
    let mut package = Package::open(bytes, format, limits)?;
    if let Some(manifest) = package.read("META-INF/manifest.xml")?
        && manifest.contains("encryption-data")
    {
        return Err(encrypted(file_type));
    }
    properties::set_title(&mut package, properties::OPEN_DOCUMENT, limits, builder)?;
    let xml = package.read("content.xml")?.ok_or_else(|| {
        malformed("the archive has no `content.xml`, so it is no OpenDocument file")
    })?;
    Ok((xml, package))
}

#[cfg(test)]
mod tests {
    use crate::block::{BlockKind, Document};
    use crate::error::ErrorCode;
    use crate::limits::Limits;
    use crate::parse::parse_bytes;
    use crate::parse::test_package::package;

    fn parse(kind: &str, content: &str) -> Document {
        let bytes = package(&[
            (
                "mimetype",
                &format!("application/vnd.oasis.opendocument.{kind}"),
            ),
            ("META-INF/manifest.xml", "<manifest:manifest/>"),
            (
                "meta.xml",
                "<office:meta><dc:title>Title &amp; more</dc:title></office:meta>",
            ),
            (
                "styles.xml",
                "<office:styles><style:style style:name=\"Preformatted_20_Text\"/></office:styles>",
            ),
            (
                "content.xml",
                &format!(
                    "<office:document-content><office:automatic-styles>\
                     <style:style style:name=\"P1\" style:parent-style-name=\"Preformatted_20_Text\"/>\
                     </office:automatic-styles><office:body>{content}</office:body></office:document-content>"
                ),
            ),
        ]);
        let document = parse_bytes(&bytes, None, &Limits::default()).unwrap();
        document.check().unwrap();
        document
    }

    fn blocks(document: &Document) -> Vec<(BlockKind, &str)> {
        document
            .blocks
            .iter()
            .map(|block| (block.kind, &document.text[block.start..block.end]))
            .collect()
    }

    #[test]
    fn structure_is_kept_and_notes_follow() {
        let document = parse(
            "text",
            "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes>\
             <text:h text:outline-level=\"2\">Head</text:h>\
             <text:p>one\n  <text:span>two</text:span><text:s text:c=\"2\"/>three<text:line-break/>four\
             <text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>note</text:p></text:note-body></text:note></text:p>\
             <text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>\
             <text:p text:style-name=\"P1\">a<text:s text:c=\"3\"/>b</text:p><text:p text:style-name=\"P1\">c</text:p>\
             <table:table><table:table-row><table:table-cell><text:p>k</text:p></table:table-cell>\
             <table:table-cell><text:p>v</text:p><text:p>w</text:p></table:table-cell></table:table-row></table:table>\
             <text:p text:style-name=\"Illustration\">Figure 1</text:p>",
        );
        assert_eq!(document.title.as_deref(), Some("Title & more"));
        assert_eq!(
            blocks(&document),
            [
                (BlockKind::Heading(2), "Head"),
                (BlockKind::Paragraph, "one two three\nfour"),
                (BlockKind::ListItem, "item"),
                (BlockKind::Code, "a   b\nc"),
                (BlockKind::Table, "k | v w"),
                (BlockKind::Caption, "Figure 1"),
                (BlockKind::Paragraph, "note"),
            ]
        );
    }

    #[test]
    fn slides_are_pages_and_their_furniture_goes() {
        let document = parse(
            "presentation",
            "<draw:page><draw:frame presentation:class=\"title\"><draw:text-box><text:p>One</text:p></draw:text-box></draw:frame>\
             <draw:frame presentation:class=\"footer\"><draw:text-box><text:p>foot</text:p></draw:text-box></draw:frame></draw:page>\
             <draw:page><draw:custom-shape><text:p>shape</text:p></draw:custom-shape>\
             <presentation:notes><draw:frame presentation:class=\"notes\"><draw:text-box><text:p>say</text:p></draw:text-box></draw:frame>\
             </presentation:notes></draw:page>",
        );
        assert_eq!(
            blocks(&document),
            [
                (BlockKind::Heading(1), "One"),
                (BlockKind::Paragraph, "shape"),
                (BlockKind::Paragraph, "say"),
            ]
        );
        let pages: Vec<_> = document.blocks.iter().map(|block| block.page).collect();
        assert_eq!(pages, [Some(1), Some(2), Some(2)]);
    }

    #[test]
    fn protected_files_say_so() {
        for kind in ["text", "spreadsheet", "presentation"] {
            let bytes = package(&[
                (
                    "mimetype",
                    &format!("application/vnd.oasis.opendocument.{kind}"),
                ),
                (
                    "META-INF/manifest.xml",
                    "<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>",
                ),
                ("content.xml", "noise"),
            ]);
            let error = parse_bytes(&bytes, None, &Limits::default()).unwrap_err();
            assert_eq!(error.code, ErrorCode::Encrypted);
        }
    }
}
