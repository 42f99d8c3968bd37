//! The flow of a part: paragraphs, tables, text boxes.

use quick_xml::events::{BytesStart, Event};

use super::styles::Styles;
use crate::block::BlockKind;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use crate::parse::xml::{attribute, resolve, walk_xml};

/// Reads a part into a builder.
pub(super) struct Body<'a> {
    styles: &'a Styles,
    limits: &'a Limits,
    builder: &'a mut DocumentBuilder,
    /// Open paragraphs: a text box is within a run of another paragraph.
    paragraphs: Vec<Paragraph>,
    /// Cells of the open row, for each open table. A table within a cell is text of that cell.
    rows: Vec<Vec<String>>,
    /// Lines of code that follow each other are one block.
    code: String,
    /// Within `w:t` and its like, where character data is text.
    in_text: bool,
    /// Open elements whose content is no text: deleted or moved away, or a copy for old readers.
    skipped: usize,
    cells: usize,
}

#[derive(Default)]
struct Paragraph {
    text: String,
    style: Option<String>,
    outline_level: Option<u8>,
    in_list: bool,
}

impl<'a> Body<'a> {
    pub(super) fn new(
        styles: &'a Styles,
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
            in_text: false,
            skipped: 0,
            cells: 0,
        }
    }

    /// Reads the whole part.
    pub(super) fn read(mut self, xml: &str) -> Result<(), ParseError> {
        let limits = self.limits;
        walk_xml(xml, limits, |event| {
            match event {
                Event::Start(element) if is_skipped(element) => self.skipped += 1,
                Event::End(element) if is_skipped(&BytesStart::new(element.name().as_ref())) => {
                    self.skipped = self.skipped.saturating_sub(1);
                }
                _ if self.skipped > 0 => {}
                Event::Start(element) => self.start(element),
                Event::Empty(element) => {
                    self.start(element);
                    self.end(element.local_name().as_ref());
                }
                Event::End(element) => self.end(element.local_name().as_ref()),
                Event::Text(text) if self.in_text => self.text(&text.xml10_content()),
                Event::CData(text) if self.in_text => self.text(&text.xml10_content()),
                Event::GeneralRef(reference) if self.in_text => match resolve(reference) {
                    Some(character) => self.text(character.encode_utf8(&mut [0; 4])),
                    None => self
                        .builder
                        .warn("entities of the document were not expanded"),
                },
                _ => {}
            }
            Ok(())
        })?;
        while !self.paragraphs.is_empty() {
            self.end("p");
        }
        while !self.rows.is_empty() {
            self.end("tr");
            self.end("tbl");
        }
        self.flush_code();
        Ok(())
    }

    fn start(&mut self, element: &BytesStart<'_>) {
        match element.local_name().as_ref() {
            "p" => self.paragraphs.push(Paragraph::default()),
            "t" => self.in_text = true,
            "tab" | "ptab" if self.in_run() => self.text("\t"),
            "br" | "cr" => self.text("\n"),
            "noBreakHyphen" => self.text("-"),
            "tbl" => self.rows.push(Vec::new()),
            "tc" => {
                self.cells += 1;
                if let Some(row) = self.rows.last_mut() {
                    row.push(String::new());
                }
            }
            name => {
                if let Some(paragraph) = self.paragraphs.last_mut() {
                    paragraph.property(name, element);
                }
            }
        }
    }

    /// `w:tab` is also an element of paragraph properties, before any text, where it is a tab stop.
    fn in_run(&self) -> bool {
        self.paragraphs
            .last()
            .is_some_and(|paragraph| !paragraph.text.is_empty())
    }

    fn text(&mut self, text: &str) {
        if let Some(paragraph) = self.paragraphs.last_mut() {
            paragraph.text.push_str(text);
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "t" => self.in_text = false,
            "p" => {
                if let Some(paragraph) = self.paragraphs.pop() {
                    self.paragraph(&paragraph);
                }
            }
            "tr" => self.row(),
            "tbl" => {
                self.rows.pop();
            }
            _ => {}
        }
    }

    fn paragraph(&mut self, paragraph: &Paragraph) {
        if let Some(cell) = self.rows.last_mut().and_then(|row| row.last_mut()) {
            for word in paragraph.text.split_whitespace() {
                if !cell.is_empty() {
                    cell.push(' ');
                }
                cell.push_str(word);
            }
            return;
        }
        let kind = self.kind(paragraph);
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
        match paragraph.outline_level {
            Some(level @ 0..9) => return BlockKind::Heading(level + 1),
            Some(_) => return BlockKind::Paragraph,
            None => {}
        }
        match paragraph
            .style
            .as_deref()
            .and_then(|style| self.styles.kind(style))
        {
            Some(kind) => kind,
            None if paragraph.in_list => BlockKind::ListItem,
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
            .and_then(|index| self.rows[index].last_mut());
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

impl Paragraph {
    fn property(&mut self, name: &str, element: &BytesStart<'_>) {
        match name {
            "pStyle" => self.style = attribute(element, "val"),
            "outlineLvl" => {
                self.outline_level = attribute(element, "val").and_then(|level| level.parse().ok());
            }
            // A list number of 0 takes the paragraph out of the list of its style.
            "numId" => self.in_list = attribute(element, "val").is_some_and(|id| id != "0"),
            _ => {}
        }
    }
}

/// Deleted text, text that was moved away, the copy of a drawing for old readers, the reading of ruby text, and the
/// former properties of a changed paragraph.
fn is_skipped(element: &BytesStart<'_>) -> bool {
    matches!(
        element.local_name().as_ref(),
        "del" | "moveFrom" | "Fallback" | "rt" | "pPrChange" | "rPrChange" | "sectPr"
    )
}
