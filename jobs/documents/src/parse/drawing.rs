//! The text of drawings (DrawingML): shapes of a slide, boxes on a sheet, the points of a diagram.

use quick_xml::events::BytesStart;

use super::xml::{Node, attribute, walk_nodes};
use crate::block::BlockKind;
use crate::error::ParseError;
use crate::limits::Limits;

/// Fonts in which people set code.
const CODE_FONTS: [&str; 8] = [
    "Courier",
    "Consolas",
    "Menlo",
    "Monaco",
    "Lucida Console",
    "DejaVu Sans Mono",
    "Liberation Mono",
    "Source Code",
];

/// The role of a shape on its slide: the type of its placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The title of a slide that opens a presentation or a part of it.
    CenteredTitle,
    Title,
    /// Text in the outline of the slide; bulleted unless it says otherwise.
    Body,
    /// Number, date, header or footer: repeated on every slide.
    Furniture,
    Other,
}

/// A block of a drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DrawnBlock {
    pub(super) role: Role,
    pub(super) kind: BlockKind,
    pub(super) text: String,
}

/// Another part that a drawing shows, by its relationship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Embedded {
    Chart(String),
    Diagram(String),
}

/// The text of one drawing, in the order of its shapes.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    pub(super) blocks: Vec<DrawnBlock>,
    pub(super) embedded: Vec<Embedded>,
    /// Cells of its tables.
    pub(super) cells: usize,
    role: Option<Role>,
    /// Where the blocks of the open shape begin, and which of its paragraphs have a bullet by inheritance.
    shape_start: usize,
    paragraph: Option<Paragraph>,
    row: Option<Vec<String>>,
    /// Within a run, which is what holds text; with its font.
    run: Option<Run>,
    in_text: bool,
    /// Open elements whose content is a copy for old readers, or changes from slide to slide.
    skipped: usize,
}

#[derive(Debug, Default)]
struct Paragraph {
    text: String,
    bullet: Option<bool>,
    code_bytes: usize,
}

#[derive(Debug, Default)]
struct Run {
    is_code: bool,
}

impl Drawing {
    /// Reads a part. Damage ends the reading; what came before it stays.
    ///
    /// # Errors
    /// `parse.malformed` and `parse.limit`; the blocks before are kept.
    pub(super) fn read(&mut self, xml: &str, limits: &Limits) -> Result<(), ParseError> {
        let outcome = walk_nodes(xml, limits, |node| {
            match node {
                Node::Open(element) if self.skipped > 0 || is_skipped(element) => {
                    self.skipped += 1;
                }
                Node::Close(_) if self.skipped > 0 => self.skipped -= 1,
                _ if self.skipped > 0 => {}
                Node::Open(element) => self.open(element),
                Node::Close(name) => self.close(name),
                Node::Text(text) if self.in_text => self.text(&text),
                _ => {}
            }
            Ok(())
        });
        self.close("p");
        self.close("sp");
        outcome
    }

    fn open(&mut self, element: &BytesStart<'_>) {
        match element.local_name().as_ref() {
            "sp" => {
                self.role = None;
                self.shape_start = self.blocks.len();
            }
            "ph" => self.role = Some(role(attribute(element, "type").as_deref())),
            "p" => self.paragraph = Some(Paragraph::default()),
            "r" | "fld" => self.run = Some(Run::default()),
            "t" => self.in_text = self.run.is_some() && self.paragraph.is_some(),
            "br" => self.text("\n"),
            "latin" => {
                if let (Some(run), Some(font)) = (&mut self.run, attribute(element, "typeface")) {
                    run.is_code = CODE_FONTS.iter().any(|code| font.starts_with(code));
                }
            }
            "buNone" => self.bullet(false),
            "buChar" | "buAutoNum" | "buBlip" => self.bullet(true),
            "tr" => self.row = Some(Vec::new()),
            "tc" => {
                self.cells += 1;
                if let Some(row) = &mut self.row {
                    row.push(String::new());
                }
            }
            "chart" => self
                .embedded
                .extend(attribute(element, "id").map(Embedded::Chart)),
            "relIds" => self
                .embedded
                .extend(attribute(element, "dm").map(Embedded::Diagram)),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "t" => self.in_text = false,
            "r" | "fld" => self.run = None,
            "p" => {
                if let Some(paragraph) = self.paragraph.take() {
                    self.paragraph(paragraph);
                }
            }
            "tr" => self.end_row(),
            "sp" => self.end_shape(),
            _ => {}
        }
    }

    fn bullet(&mut self, bullet: bool) {
        if let Some(paragraph) = &mut self.paragraph {
            paragraph.bullet = Some(bullet);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(paragraph) = &mut self.paragraph {
            paragraph.text.push_str(text);
            if self.run.as_ref().is_some_and(|run| run.is_code) {
                paragraph.code_bytes += text.len();
            }
        }
    }

    fn paragraph(&mut self, paragraph: Paragraph) {
        if let Some(cell) = self.row.as_mut().and_then(|row| row.last_mut()) {
            for word in paragraph.text.split_whitespace() {
                if !cell.is_empty() {
                    cell.push(' ');
                }
                cell.push_str(word);
            }
            return;
        }
        if paragraph.text.trim().is_empty() {
            return;
        }
        let breaks = paragraph.text.matches('\n').count();
        let is_code = paragraph.code_bytes + breaks >= paragraph.text.len();
        let role = self.role.unwrap_or(Role::Other);
        let kind = match (role, paragraph.bullet) {
            (Role::CenteredTitle, _) => BlockKind::Heading(1),
            (Role::Title, _) => BlockKind::Heading(2),
            _ if is_code => BlockKind::Code,
            (_, Some(true)) | (Role::Body, None) => BlockKind::ListItem,
            _ => BlockKind::Paragraph,
        };
        // A title of several paragraphs is one title.
        if matches!(role, Role::Title | Role::CenteredTitle)
            && self.blocks.len() > self.shape_start
            && let Some(last) = self.blocks.last_mut()
        {
            last.text.push('\n');
            last.text.push_str(&paragraph.text);
            return;
        }
        self.blocks.push(DrawnBlock {
            role,
            kind,
            text: paragraph.text,
        });
    }

    /// One paragraph alone is no list, if it does not say so.
    fn end_shape(&mut self) {
        if self.role == Some(Role::Body)
            && self.blocks.len() == self.shape_start + 1
            && let Some(only) = self.blocks.last_mut()
            && only.kind == BlockKind::ListItem
        {
            only.kind = BlockKind::Paragraph;
        }
        self.role = None;
    }

    fn end_row(&mut self) {
        let Some(row) = self.row.take() else { return };
        if row.iter().any(|cell| !cell.is_empty()) {
            self.blocks.push(DrawnBlock {
                role: Role::Other,
                kind: BlockKind::Table,
                text: row.join(" | "),
            });
        }
    }
}

fn role(placeholder: Option<&str>) -> Role {
    match placeholder {
        Some("ctrTitle") => Role::CenteredTitle,
        Some("title") => Role::Title,
        None | Some("body" | "obj") => Role::Body,
        Some("sldNum" | "dt" | "ftr" | "hdr") => Role::Furniture,
        Some(_) => Role::Other,
    }
}

fn is_skipped(element: &BytesStart<'_>) -> bool {
    match element.local_name().as_ref() {
        "Fallback" => true,
        "fld" => attribute(element, "type").as_deref() == Some("slidenum"),
        _ => false,
    }
}
