//! PowerPoint presentations (Office Open XML): slides in the order of the presentation, hidden ones too, each a page.
//!
//! A slide gives its title as a heading, then its shapes in their order, charts and diagrams as tables and text, then
//! the speaker's notes. Slide numbers, dates, headers, footers, masters and comments are left out. Titles of slides
//! that open a part are headings of level 1, those of other slides of level 2, so that they lie below.

mod chart;

use super::drawing::{Drawing, DrawnBlock, Embedded, Role};
use super::package::Package;
use super::properties;
use super::relations::Relations;
use super::xml::{Node, attribute, malformed, walk_nodes};
use crate::block::{BlockKind, Document};
use crate::detect::FileType;
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;

/// Reads a presentation.
///
/// # Errors
/// `parse.truncated` (no directory), `parse.encrypted`, `parse.bomb`, `parse.malformed` (no slide can be read),
/// `parse.limit` (nesting).
pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    let mut package = Package::open(bytes, "PPTX", limits)?;
    let mut builder = DocumentBuilder::new(FileType::Pptx);
    let slides = slide_parts(&mut package, limits)?;
    properties::set_title(&mut package, properties::OFFICE, limits, &mut builder)?;
    let mut reader = SlideReader {
        package: &mut package,
        builder: &mut builder,
        limits,
        cells: 0,
    };
    let mut number = 0;
    let mut damage = None;
    let mut read = 0;
    for slide in &slides {
        if number >= limits.max_pages {
            reader
                .builder
                .warn(format!("stopped after {} slides", limits.max_pages));
            break;
        }
        number += 1;
        reader.builder.begin_page(number);
        match reader.slide(slide) {
            Ok(()) => read += 1,
            Err(error) if error.code == ErrorCode::Malformed => {
                reader
                    .builder
                    .warn(format!("slide {number} is damaged: {}", error.message));
                damage = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    for warning in package.warnings() {
        builder.warn(warning);
    }
    let document = builder.finish();
    match damage {
        Some(error) if read == 0 && document.text.is_empty() => Err(error),
        _ => Ok(document),
    }
}

/// Returns the parts of the slides, in the order of the presentation.
fn slide_parts(package: &mut Package<'_>, limits: &Limits) -> Result<Vec<String>, ParseError> {
    let main = package.main_part("ppt/presentation.xml")?;
    let xml = package.read(&main)?.ok_or_else(|| {
        malformed(format!(
            "the archive has no `{main}`, so it is no PowerPoint presentation"
        ))
    })?;
    let relations = Relations::of(package, &main)?;
    let mut slides = Vec::new();
    walk_nodes(&xml, limits, |node| {
        if let Node::Open(element) = node
            && element.local_name().as_ref() == "sldId"
            && let Some(id) = relation_id(element)
            && let Some(part) = relations.target(&id)
            && slides.len() <= limits.max_pages as usize
        {
            slides.push(part.to_owned());
        }
        Ok(())
    })?;
    if slides.is_empty() {
        // A presentation whose list is lost still has its relationships.
        slides.extend(relations.of_kind("slide").map(str::to_owned));
    }
    Ok(slides)
}

/// The element also has an `id` without a prefix, which is a number.
fn relation_id(element: &quick_xml::events::BytesStart<'_>) -> Option<String> {
    element
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| {
            attribute.key.local_name().as_ref() == "id" && attribute.key.prefix().is_some()
        })
        .map(|attribute| attribute.value.into_owned())
        .or_else(|| attribute(element, "id"))
}

struct SlideReader<'a, 'p> {
    package: &'a mut Package<'p>,
    builder: &'a mut DocumentBuilder,
    limits: &'a Limits,
    cells: usize,
}

impl SlideReader<'_, '_> {
    fn slide(&mut self, part: &str) -> Result<(), ParseError> {
        let xml = self
            .package
            .read(part)?
            .ok_or_else(|| malformed(format!("the archive has no `{part}`")))?;
        let relations = Relations::of(self.package, part)?;
        let mut drawing = Drawing::default();
        let outcome = drawing.read(&xml, self.limits);
        let is_title =
            |block: &&DrawnBlock| matches!(block.role, Role::Title | Role::CenteredTitle);
        // The title comes first, wherever its shape lies in the stack.
        for block in drawing.blocks.iter().filter(is_title) {
            self.builder.push(block.kind, &block.text);
        }
        self.cells += drawing.cells;
        for block in drawing.blocks.iter().filter(|block| !is_title(block)) {
            if block.role != Role::Furniture {
                self.push(block);
            }
        }
        outcome?;
        for embedded in &drawing.embedded {
            self.embedded(embedded, &relations)?;
        }
        for part in relations.of_kind("notesSlide") {
            self.notes(part)?;
        }
        Ok(())
    }

    fn push(&mut self, block: &DrawnBlock) {
        if block.kind == BlockKind::Table && self.cells > self.limits.max_cells {
            return self.builder.warn(format!(
                "stopped tables after {} cells",
                self.limits.max_cells
            ));
        }
        self.builder.push(block.kind, &block.text);
    }

    fn embedded(&mut self, embedded: &Embedded, relations: &Relations) -> Result<(), ParseError> {
        let (Embedded::Chart(id) | Embedded::Diagram(id)) = embedded;
        let Some(xml) = relations
            .target(id)
            .map(|part| self.package.read(part))
            .transpose()?
            .flatten()
        else {
            return Ok(());
        };
        let mut drawing = Drawing::default();
        drawing.read(&xml, self.limits)?;
        let is_chart = matches!(embedded, Embedded::Chart(_));
        for block in &drawing.blocks {
            let kind = if is_chart {
                BlockKind::Caption
            } else {
                BlockKind::Paragraph
            };
            self.builder.push(kind, &block.text);
        }
        if is_chart {
            for row in chart::rows(&xml, self.limits)? {
                self.cells += row.len();
                self.push(&DrawnBlock {
                    role: Role::Other,
                    kind: BlockKind::Table,
                    text: row.join(" | "),
                });
            }
        }
        Ok(())
    }

    fn notes(&mut self, part: &str) -> Result<(), ParseError> {
        let Some(xml) = self.package.read(part)? else {
            return Ok(());
        };
        let mut drawing = Drawing::default();
        drawing.read(&xml, self.limits)?;
        for block in drawing.blocks {
            if block.role == Role::Body {
                self.builder.push(BlockKind::Paragraph, &block.text);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::block::BlockKind;
    use crate::error::ErrorCode;
    use crate::limits::Limits;
    use crate::parse::parse_bytes;
    use crate::parse::test_package::package;

    const PRESENTATION: &str = "<p:presentation><p:sldIdLst><p:sldId id=\"256\" r:id=\"rId2\"/><p:sldId id=\"257\" r:id=\"rId1\"/></p:sldIdLst></p:presentation>";
    const RELATIONS: &str = "<Relationships>\
        <Relationship Id=\"rId1\" Type=\"http://x/slide\" Target=\"slides/slide1.xml\"/>\
        <Relationship Id=\"rId2\" Type=\"http://x/slide\" Target=\"/ppt/slides/slide2.xml\"/></Relationships>";

    fn shape(placeholder: &str, paragraphs: &[&str]) -> String {
        let paragraphs = paragraphs.join("</a:t></a:r></a:p><a:p><a:r><a:t>");
        let paragraphs = format!("<a:p><a:r><a:t>{paragraphs}</a:t></a:r></a:p>");
        format!(
            "<p:sp><p:nvSpPr><p:nvPr>{placeholder}</p:nvPr></p:nvSpPr><p:txBody>{paragraphs}</p:txBody></p:sp>"
        )
    }

    #[test]
    fn slides_come_in_order_with_titles_tables_groups_and_notes() {
        let slide1 = format!(
            "<p:sld show=\"0\"><p:spTree>{}<p:grpSp>{}</p:grpSp>{}{}<a:tbl><a:tr><a:tc><a:txBody><a:p><a:r><a:t>k</a:t></a:r></a:p>\
             </a:txBody></a:tc><a:tc><a:txBody><a:p><a:r><a:t>v</a:t></a:r></a:p></a:txBody></a:tc></a:tr></a:tbl></p:spTree></p:sld>",
            shape("<p:ph type=\"body\"/>", &["one", "two"]),
            shape("", &["grouped"]),
            shape("<p:ph type=\"title\"/>", &["A &amp; B", "C"]),
            shape("<p:ph type=\"ftr\"/>", &["footer"]),
        );
        let slide2 = format!(
            "<p:sld>{}</p:sld>",
            shape("<p:ph type=\"ctrTitle\"/>", &["Talk"])
        );
        let notes = format!(
            "<p:notes>{}{}</p:notes>",
            shape("<p:ph type=\"body\"/>", &["say this"]),
            shape("<p:ph type=\"sldNum\"/>", &["7"])
        );
        let bytes = package(&[
            ("ppt/presentation.xml", PRESENTATION),
            ("ppt/_rels/presentation.xml.rels", RELATIONS),
            ("ppt/slides/slide1.xml", &slide1),
            ("ppt/slides/slide2.xml", &slide2),
            (
                "ppt/slides/_rels/slide1.xml.rels",
                "<Relationships><Relationship Id=\"r\" Type=\"x/notesSlide\" Target=\"../notesSlides/n.xml\"/></Relationships>",
            ),
            ("ppt/notesSlides/n.xml", &notes),
        ]);
        let document = parse_bytes(&bytes, None, &Limits::default()).unwrap();
        document.check().unwrap();
        let blocks: Vec<_> = document
            .blocks
            .iter()
            .map(|block| {
                (
                    block.kind,
                    block.page,
                    &document.text[block.start..block.end],
                )
            })
            .collect();
        assert_eq!(
            blocks,
            [
                (BlockKind::Heading(1), Some(1), "Talk"),
                (BlockKind::Heading(2), Some(2), "A & B C"),
                (BlockKind::ListItem, Some(2), "one"),
                (BlockKind::ListItem, Some(2), "two"),
                (BlockKind::Paragraph, Some(2), "grouped"),
                (BlockKind::Table, Some(2), "k | v"),
                (BlockKind::Paragraph, Some(2), "say this"),
            ]
        );
    }

    #[test]
    fn a_damaged_slide_costs_itself() {
        let bytes = package(&[
            ("ppt/presentation.xml", PRESENTATION),
            ("ppt/_rels/presentation.xml.rels", RELATIONS),
            (
                "ppt/slides/slide1.xml",
                "<p:sld><a:p><a:r><a:t>x</a:t></a:r></a:p><",
            ),
            ("ppt/slides/slide2.xml", &shape("", &["fine"])),
        ]);
        let document = parse_bytes(&bytes, None, &Limits::default()).unwrap();
        assert_eq!(document.text, "fine\n\nx");
        assert_eq!(document.warnings.len(), 1);
        let bytes = package(&[
            ("ppt/presentation.xml", PRESENTATION),
            ("ppt/_rels/presentation.xml.rels", RELATIONS),
        ]);
        let error = parse_bytes(&bytes, None, &Limits::default()).unwrap_err();
        assert_eq!(error.code, ErrorCode::Malformed);
    }
}
