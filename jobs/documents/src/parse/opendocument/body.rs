//! The flow of the content: headings, paragraphs, lists, tables, and the pages of presentations.

use quick_xml::events::BytesStart;

use super::styles::Styles;
use crate::block::BlockKind;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use crate::parse::xml::{Node, attribute, walk_nodes};

/// Blanks that one element may stand for.
const MAX_BLANKS: usize = 1000;

/// Reads the content into a builder.
pub(super) struct Body<'a> {
    styles: Styles,
    limits: &'a Limits,
    builder: &'a mut DocumentBuilder,
    /// Open paragraphs: notes and boxes are within another paragraph.
    paragraphs: Vec<Paragraph>,
    /// Cells of the open row, for each open table. A table within a cell is text of that cell.
    rows: Vec<Vec<String>>,
    /// Lines of code that follow each other are one block.
    code: String,
    list_depth: usize,
    note_depth: usize,
    notes: Vec<String>,
    /// The roles of open frames on a slide.
    frames: Vec<Frame>,
    /// Open elements of content that is no text.
    skipped: usize,
    pages: u32,
    cells: usize,
}

#[derive(Default)]
struct Paragraph {
    text: String,
    heading: Option<u8>,
    style: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    Title,
    Other,
}

impl<'a> Body<'a> {
    pub(super) fn new(
        styles: Styles,
        limits: &'a Limits,
        builder: &'a mut DocumentBuilder,
    ) -> Self {
        Self {
            styles,
            limits,
            builder,
            paragraphs: Vec::new(),
            rows: Vec::new(),
            code: String::new(),
            list_depth: 0,
            note_depth: 0,
            notes: Vec::new(),
            frames: Vec::new(),
            skipped: 0,
            pages: 0,
            cells: 0,
        }
    }

    /// Reads the whole part.
    pub(super) fn read(mut self, xml: &str) -> Result<(), ParseError> {
        let limits = self.limits;
        walk_nodes(xml, limits, |node| {
            match node {
                Node::Open(element) if self.skipped > 0 || is_skipped(element) => {
                    self.skipped += 1;
                }
                Node::Close(_) if self.skipped > 0 => self.skipped -= 1,
                _ if self.skipped > 0 => {}
                Node::Open(element) => self.open(element),
                Node::Close(name) => self.close(name),
                Node::Text(text) => self.text(&text),
                Node::Entity => self
                    .builder
                    .warn("entities of the document were not expanded"),
            }
            Ok(())
        })?;
        while !self.paragraphs.is_empty() {
            self.close("p");
        }
        while !self.rows.is_empty() {
            self.close("table-row");
            self.close("table");
        }
        self.flush_code();
        for note in std::mem::take(&mut self.notes) {
            self.builder.push(BlockKind::Paragraph, &note);
        }
        Ok(())
    }

    fn open(&mut self, element: &BytesStart<'_>) {
        match element.local_name().as_ref() {
            "style" => self.styles.add(element),
            name @ ("p" | "h") => {
                let level =
                    attribute(element, "outline-level").and_then(|level| level.parse().ok());
                self.paragraphs.push(Paragraph {
                    text: String::new(),
                    heading: (name == "h").then(|| level.unwrap_or(1)),
                    style: attribute(element, "style-name"),
                });
            }
            "s" => {
                let count = attribute(element, "c").and_then(|count| count.parse().ok());
                self.push(&" ".repeat(count.unwrap_or(1).min(MAX_BLANKS)));
            }
            "tab" => self.push("\t"),
            "line-break" => self.push("\n"),
            "list" => self.list_depth += 1,
            "note-body" => self.note_depth += 1,
            "frame" => self
                .frames
                .push(match attribute(element, "class").as_deref() {
                    Some("title") => Frame::Title,
                    _ => Frame::Other,
                }),
            // A page of the body; pages of the master are in another part.
            "page" => self.begin_page(),
            "table" => self.rows.push(Vec::new()),
            "table-cell" | "covered-table-cell" => {
                self.cells += 1;
                if let Some(row) = self.rows.last_mut() {
                    row.push(String::new());
                }
            }
            _ => {}
        }
    }

    fn begin_page(&mut self) {
        self.flush_code();
        if self.pages < self.limits.max_pages {
            self.pages += 1;
            self.builder.begin_page(self.pages);
        } else {
            self.builder.warn(format!(
                "slides after the first {} are counted as one",
                self.limits.max_pages
            ));
        }
    }

    /// White space of the file is a blank, however much there is.
    fn text(&mut self, text: &str) {
        let Some(paragraph) = self.paragraphs.last_mut() else {
            return;
        };
        let text_so_far = &mut paragraph.text;
        for character in text.chars() {
            if !matches!(character, ' ' | '\t' | '\r' | '\n') {
                text_so_far.push(character);
            } else if !text_so_far.is_empty() && !text_so_far.ends_with([' ', '\t', '\n']) {
                text_so_far.push(' ');
            }
        }
    }

    fn push(&mut self, text: &str) {
        if let Some(paragraph) = self.paragraphs.last_mut() {
            paragraph.text.push_str(text);
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "p" | "h" => {
                if let Some(paragraph) = self.paragraphs.pop() {
                    self.paragraph(paragraph);
                }
            }
            "list" => self.list_depth = self.list_depth.saturating_sub(1),
            "note-body" => self.note_depth = self.note_depth.saturating_sub(1),
            "frame" => {
                self.frames.pop();
            }
            "table-row" => self.row(),
            "table" => {
                self.rows.pop();
            }
            _ => {}
        }
    }

    fn paragraph(&mut self, paragraph: Paragraph) {
        if self.note_depth > 0 {
            return self.notes.push(paragraph.text);
        }
        if let Some(cell) = self.rows.last_mut().and_then(|row| row.last_mut()) {
            for word in paragraph.text.split_whitespace() {
                if !cell.is_empty() {
                    cell.push(' ');
                }
                cell.push_str(word);
            }
            return;
        }
        let kind = self.kind(&paragraph);
        if kind == BlockKind::Code {
            self.code.push_str(&paragraph.text);
            self.code.push('\n');
            return;
        }
        self.flush_code();
        if paragraph
            .style
            .as_deref()
            .is_some_and(|style| self.styles.is_title(style))
        {
            self.builder.set_title(&paragraph.text);
        }
        self.builder.push(kind, &paragraph.text);
    }

    fn kind(&self, paragraph: &Paragraph) -> BlockKind {
        if let Some(level) = paragraph.heading {
            return BlockKind::Heading(level);
        }
        if self.frames.last() == Some(&Frame::Title) {
            return BlockKind::Heading(1);
        }
        let by_style = paragraph
            .style
            .as_deref()
            .and_then(|style| self.styles.kind(style));
        match by_style {
            Some(kind) => kind,
            None if self.list_depth > 0 => BlockKind::ListItem,
            None => BlockKind::Paragraph,
        }
    }

    /// Ends a row: to the builder, or into the cell around its table.
    fn row(&mut self) {
        let Some(row) = self.rows.last_mut() else {
            return;
        };
        let row = std::mem::take(row);
        if self.cells > self.limits.max_cells {
            return self.builder.warn(format!(
                "stopped tables after {} cells",
                self.limits.max_cells
            ));
        }
        if row.iter().all(String::is_empty) {
            return;
        }
        let text = row.join(" | ");
        let around = self
            .rows
            .len()
            .checked_sub(2)
            .and_then(|index| self.rows.get_mut(index)?.last_mut());
        if let Some(cell) = around {
            if !cell.is_empty() {
                cell.push(' ');
            }
            cell.push_str(&text);
        } else {
            self.flush_code();
            self.builder.push(BlockKind::Table, &text);
        }
    }

    fn flush_code(&mut self) {
        self.builder.push(BlockKind::Code, &self.code);
        self.code.clear();
    }
}

/// Deleted text, comments, marks of notes, names and descriptions of drawings, data of pictures, the reading of ruby
/// text, and what a slide has in common with the others.
fn is_skipped(element: &BytesStart<'_>) -> bool {
    match element.local_name().as_ref() {
        "tracked-changes" | "annotation" | "note-citation" | "title" | "desc" | "binary-data"
        | "ruby-text" | "forms" | "script" | "scripts" => true,
        "frame" => matches!(
            attribute(element, "class").as_deref(),
            Some("date-time" | "footer" | "page-number" | "header")
        ),
        _ => false,
    }
}
