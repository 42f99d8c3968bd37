//! The text of a slide: its shapes, in their order, tables as rows.

use super::directory::drawing_property;
use super::records::{self, Record, kind};
use crate::block::BlockKind;
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use crate::parse::binary::{u32_at, utf16};

/// Roles of a text ([MS-PPT] 2.13.33).
mod role {
    pub(super) const TITLE: u32 = 0;
    pub(super) const BODY: u32 = 1;
    pub(super) const NOTES: u32 = 2;
    pub(super) const OTHER: u32 = 4;
    pub(super) const CENTERED_TITLE: u32 = 6;
    pub(super) const HALF_BODY: u32 = 7;
    pub(super) const QUARTER_BODY: u32 = 8;
}

/// A text that the document keeps for a slide; shapes refer to it.
#[derive(Debug, Clone)]
pub(super) struct OutlineText {
    role: u32,
    text: String,
}

/// Reads a record of the list of slides: the head of a text starts one, the text follows.
pub(super) fn add_outline_record(outline: &mut Vec<OutlineText>, record: &Record<'_>) {
    if record.kind == kind::TEXT_HEADER {
        outline.push(OutlineText {
            role: record.u32_at(0).unwrap_or(role::OTHER),
            text: String::new(),
        });
    } else if let (Some(text), Some(last)) = (text(record), outline.last_mut()) {
        last.text = text;
    }
}

/// Returns the characters of a record of text.
fn text(record: &Record<'_>) -> Option<String> {
    match record.kind {
        kind::TEXT_UTF16 => Some(utf16(record.content)),
        // The lower halves of UTF-16.
        kind::TEXT_BYTES => Some(
            record
                .content
                .iter()
                .map(|byte| char::from(*byte))
                .collect(),
        ),
        _ => None,
    }
}

/// Gathers the texts of one slide, or of its notes.
pub(super) struct SlideText<'a> {
    outline: &'a [OutlineText],
    limits: &'a Limits,
    only_notes: bool,
    titles: Vec<(BlockKind, String)>,
    blocks: Vec<(BlockKind, String)>,
}

/// A shape, as far as it is text.
#[derive(Default)]
struct Shape {
    role: Option<u32>,
    placeholder: u8,
    text: String,
    /// Left and top within its group.
    corner: Option<(i32, i32)>,
}

impl<'a> SlideText<'a> {
    pub(super) fn new(outline: &'a [OutlineText], limits: &'a Limits) -> Self {
        Self {
            outline,
            limits,
            only_notes: false,
            titles: Vec::new(),
            blocks: Vec::new(),
        }
    }

    /// For the notes of a slide: a picture of the slide and furniture lie beside their text.
    pub(super) fn notes(limits: &'a Limits) -> Self {
        Self {
            only_notes: true,
            ..Self::new(&[], limits)
        }
    }

    /// Reads the drawing of a slide.
    pub(super) fn read(&mut self, slide: &Record<'_>) -> Result<(), ParseError> {
        for record in records::children(slide.content) {
            if record.kind == kind::DRAWING {
                self.records(&record, 0)?;
            }
        }
        Ok(())
    }

    /// Takes the texts that the document keeps, for a slide that is lost.
    pub(super) fn read_outline(&mut self) {
        for index in 0..self.outline.len() {
            let shape = Shape {
                role: Some(self.outline[index].role),
                text: self.outline[index].text.clone(),
                ..Shape::default()
            };
            self.push(&shape);
        }
    }

    /// The title comes first, wherever its shape lies in the stack.
    pub(super) fn push_to(self, builder: &mut DocumentBuilder) {
        for (kind, text) in self.titles.into_iter().chain(self.blocks) {
            builder.push(kind, &text);
        }
    }

    fn records(&mut self, around: &Record<'_>, depth: usize) -> Result<(), ParseError> {
        // Each level is a call; groups are nested a few levels deep.
        const MAX_DEPTH: usize = 200;
        if depth > MAX_DEPTH.min(self.limits.max_nesting) {
            return Err(ParseError::new(
                ErrorCode::Limit,
                format!("shapes are nested more than {MAX_DEPTH} levels deep"),
            ));
        }
        if around.kind == kind::SHAPE_GROUP && is_table(around) {
            self.table(around);
            return Ok(());
        }
        for record in records::children(around.content) {
            if record.kind == kind::SHAPE {
                let shape = self.shape(&record);
                self.push(&shape);
            } else if record.is_container {
                self.records(&record, depth + 1)?;
            }
        }
        Ok(())
    }

    fn shape(&self, record: &Record<'_>) -> Shape {
        let mut shape = Shape::default();
        for part in records::children(record.content) {
            match part.kind {
                kind::CHILD_ANCHOR => {
                    shape.corner = part
                        .u32_at(0)
                        .zip(part.u32_at(4))
                        .map(|(left, top)| (left as i32, top as i32));
                }
                kind::SHAPE_DATA => {
                    let placeholder = records::children(part.content)
                        .find(|record| record.kind == kind::PLACEHOLDER);
                    shape.placeholder = placeholder
                        .and_then(|record| record.content.get(4).copied())
                        .unwrap_or(0);
                }
                kind::SHAPE_TEXT => self.shape_text(&part, &mut shape),
                _ => {}
            }
        }
        shape
    }

    fn shape_text(&self, part: &Record<'_>, shape: &mut Shape) {
        for record in records::children(part.content) {
            match record.kind {
                kind::TEXT_HEADER => shape.role = record.u32_at(0),
                kind::OUTLINE_REFERENCE => {
                    let index = u32_at(record.content, 0).unwrap_or(u32::MAX) as usize;
                    if let Some(outline) = self.outline.get(index) {
                        shape.role = Some(outline.role);
                        shape.text.clone_from(&outline.text);
                    }
                }
                _ => {
                    if let Some(text) = text(&record) {
                        shape.text = text;
                    }
                }
            }
        }
    }

    fn push(&mut self, shape: &Shape) {
        /// Date, number, footer and header on a slide or its master.
        const FURNITURE: [u8; 4] = [0x07, 0x08, 0x09, 0x0A];
        let role = shape.role.unwrap_or(role::OTHER);
        let unwanted = self.only_notes && role != role::NOTES;
        if FURNITURE.contains(&shape.placeholder) || unwanted || shape.text.trim().is_empty() {
            return;
        }
        if matches!(role, role::TITLE | role::CENTERED_TITLE) {
            let level = if role == role::TITLE { 2 } else { 1 };
            let title = shape.text.replace(['\r', '\u{0B}'], "\n");
            return self.titles.push((BlockKind::Heading(level), title));
        }
        let paragraphs: Vec<&str> = shape
            .text
            .split('\r')
            .filter(|paragraph| !paragraph.trim().is_empty())
            .collect();
        let is_body = matches!(role, role::BODY | role::HALF_BODY | role::QUARTER_BODY);
        // One paragraph alone is no list.
        let kind = if is_body && paragraphs.len() > 1 {
            BlockKind::ListItem
        } else {
            BlockKind::Paragraph
        };
        for paragraph in paragraphs {
            self.blocks.push((kind, paragraph.replace('\u{0B}', "\n")));
        }
    }

    /// Cells of a table are shapes; those with the same top are a row.
    fn table(&mut self, group: &Record<'_>) {
        let mut cells: Vec<(i32, i32, String)> = Vec::new();
        for record in records::children(group.content) {
            if record.kind == kind::SHAPE && cells.len() < self.limits.max_cells {
                let shape = self.shape(&record);
                if let Some((left, top)) = shape.corner
                    && shape.role.is_some()
                {
                    let words: Vec<&str> = shape.text.split_whitespace().collect();
                    cells.push((top, left, words.join(" ")));
                }
            }
        }
        cells.sort_by_key(|(top, left, _)| (*top, *left));
        for row in cells.chunk_by(|a, b| a.0 == b.0) {
            let texts: Vec<&str> = row.iter().map(|(_, _, text)| text.as_str()).collect();
            if texts.iter().any(|text| !text.is_empty()) {
                self.blocks.push((BlockKind::Table, texts.join(" | ")));
            }
        }
    }
}

/// Tells whether a group of shapes is a table: its first shape, which stands for the group, says so.
fn is_table(group: &Record<'_>) -> bool {
    const TABLE: u16 = 0x039F;
    records::children(group.content)
        .find(|record| record.kind == kind::SHAPE)
        .is_some_and(|shape| {
            records::children(shape.content)
                .filter(|record| record.kind == kind::PROPERTIES_3)
                .any(|list| drawing_property(&list, TABLE).is_some_and(|value| value & 1 != 0))
        })
}
