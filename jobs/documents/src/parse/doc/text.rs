//! From characters and properties to paragraphs and rows.

use super::header::Header;
use super::paragraphs::{Paragraphs, Properties};
use super::pieces::{Piece, Pieces};
use super::runs::DeletedRuns;
use super::styles::Styles;
use crate::block::BlockKind;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;

/// Parts of the text by their index in [`Header::counts`]; the others are headers, macros and comments.
const READ_PARTS: [usize; 4] = [0, 1, 5, 6];

/// All that is needed to read the text.
pub(super) struct Text<'a> {
    pub(super) header: &'a Header,
    pub(super) main: &'a [u8],
    pub(super) pieces: &'a Pieces,
    pub(super) paragraphs: &'a Paragraphs,
    pub(super) deleted: &'a DeletedRuns,
    pub(super) styles: &'a Styles,
    pub(super) limits: &'a Limits,
}

impl Text<'_> {
    /// Reads the main text, then footnotes, endnotes and boxes.
    pub(super) fn read(&self, builder: &mut DocumentBuilder) {
        let mut start = 0_u32;
        for (part, count) in self.header.counts.iter().enumerate() {
            let end = start.saturating_add(*count);
            if READ_PARTS.contains(&part) && end > start {
                let mut flow = Flow::new(self, builder);
                self.read_part(start, end, &mut flow);
                flow.finish();
            }
            start = end;
        }
    }

    /// Gives the characters `start..end` of the document to a flow.
    fn read_part(&self, start: u32, end: u32, flow: &mut Flow<'_>) {
        let after = self
            .pieces
            .pieces
            .partition_point(|piece| piece.end <= start);
        for piece in self.pieces.pieces.get(after..).unwrap_or_default() {
            if piece.first >= end {
                break;
            }
            let first = piece.first.max(start);
            let last = piece.end.min(end);
            let offset = u64::from(piece.offset)
                + u64::from(first.saturating_sub(piece.first)) * u64::from(piece.width());
            let size = u64::from(last.saturating_sub(first)) * u64::from(piece.width());
            let bytes = self
                .main
                .get(offset as usize..)
                .map(|rest| &rest[..rest.len().min(size as usize)]);
            if let Some(bytes) = bytes {
                flow.characters(piece, bytes, offset as u32);
            }
        }
    }
}

/// Assembles paragraphs.
struct Flow<'a> {
    source: &'a Text<'a>,
    builder: &'a mut DocumentBuilder,
    text: String,
    /// Bytes of a text in an encoding of several bytes a character.
    bytes: Vec<u8>,
    /// Open fields; whether the instruction of each is over, so that its result is read.
    fields: Vec<bool>,
    cell: String,
    row: Vec<String>,
    code: String,
    cells: usize,
}

impl<'a> Flow<'a> {
    fn new(source: &'a Text<'a>, builder: &'a mut DocumentBuilder) -> Self {
        Self {
            source,
            builder,
            text: String::new(),
            bytes: Vec::new(),
            fields: Vec::new(),
            cell: String::new(),
            row: Vec::new(),
            code: String::new(),
            cells: 0,
        }
    }

    /// Takes the characters of a piece; `offset` is the place of the first one in the main stream.
    fn characters(&mut self, piece: &Piece, bytes: &[u8], offset: u32) {
        let Some(encoding) = piece.encoding else {
            let (units, _) = bytes.as_chunks::<2>();
            let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
            let mut place = offset;
            for character in char::decode_utf16(units) {
                let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                self.character(character, place);
                place = place.saturating_add(2 * character.len_utf16() as u32);
            }
            return;
        };
        // Controls are single bytes in every encoding, and no part of a character of two.
        let mut place = offset;
        for byte in bytes {
            if *byte >= 0x20 {
                if self.is_read(place) {
                    self.bytes.push(*byte);
                }
            } else {
                self.flush_bytes(encoding);
                self.character(char::from(*byte), place);
            }
            place = place.saturating_add(1);
        }
        self.flush_bytes(encoding);
    }

    fn flush_bytes(&mut self, encoding: &'static encoding_rs::Encoding) {
        if !self.bytes.is_empty() {
            let (text, _) = encoding.decode_without_bom_handling(&self.bytes);
            self.text.push_str(&text);
            self.bytes.clear();
        }
    }

    /// Tells whether a character at this place is text: not deleted, and no instruction of a field.
    fn is_read(&self, place: u32) -> bool {
        self.fields.iter().all(|in_result| *in_result)
            && (self.source.deleted.is_empty() || !self.source.deleted.contains(place))
    }

    fn character(&mut self, character: char, place: u32) {
        const MAX_FIELDS: usize = 1000;
        match character {
            '\r' | '\u{0C}' => self.end_paragraph(place),
            '\u{07}' => self.end_cell(place),
            '\u{13}' if self.fields.len() < MAX_FIELDS => self.fields.push(false),
            '\u{14}' => {
                if let Some(in_result) = self.fields.last_mut() {
                    *in_result = true;
                }
            }
            '\u{15}' => {
                self.fields.pop();
            }
            _ if !self.is_read(place) => {}
            '\t' => self.text.push('\t'),
            '\u{0B}' | '\u{0E}' => self.text.push('\n'),
            '\u{1E}' => self.text.push('\u{2011}'),
            // Pictures, drawings, marks of notes and comments, optional hyphens.
            '\0'..='\u{1F}' => {}
            character => self.text.push(character),
        }
    }

    fn end_paragraph(&mut self, place: u32) {
        let text = std::mem::take(&mut self.text);
        let properties = self.source.paragraphs.at(place);
        if properties.in_table {
            return self.push_to_cell(&text);
        }
        if text.trim().is_empty() {
            return;
        }
        self.flush_row();
        let kind = self.kind(properties);
        if kind == BlockKind::Code {
            self.code.push_str(&text);
            self.code.push('\n');
            return;
        }
        self.flush_code();
        if self.source.styles.is_title(properties.style) {
            self.builder.set_title(&text);
        }
        self.builder.push(kind, &text);
    }

    fn kind(&self, properties: Properties) -> BlockKind {
        match properties.outline_level {
            Some(level @ 0..=8) => return BlockKind::Heading(level + 1),
            Some(_) => return BlockKind::Paragraph,
            None => {}
        }
        match self.source.styles.kind(properties.style) {
            Some(kind) => kind,
            None if properties.in_list => BlockKind::ListItem,
            None => BlockKind::Paragraph,
        }
    }

    /// A cell mark ends a cell, or, as a paragraph of its own, a row.
    fn end_cell(&mut self, place: u32) {
        let properties = self.source.paragraphs.at(place);
        let text = std::mem::take(&mut self.text);
        self.push_to_cell(&text);
        if properties.ends_row && properties.table_depth <= 1 {
            return self.end_row();
        }
        if properties.table_depth > 1 {
            return;
        }
        self.row.push(std::mem::take(&mut self.cell));
        self.cells += 1;
    }

    fn push_to_cell(&mut self, text: &str) {
        for word in text.split_whitespace() {
            if !self.cell.is_empty() {
                self.cell.push(' ');
            }
            self.cell.push_str(word);
        }
    }

    fn end_row(&mut self) {
        if !self.cell.is_empty() {
            self.row.push(std::mem::take(&mut self.cell));
        }
        let row = std::mem::take(&mut self.row);
        let max_cells = self.source.limits.max_cells;
        if self.cells > max_cells {
            return self
                .builder
                .warn(format!("stopped tables after {max_cells} cells"));
        }
        if row.iter().any(|cell| !cell.is_empty()) {
            self.flush_code();
            self.builder.push(BlockKind::Table, &row.join(" | "));
        }
    }

    /// Ends a row whose end is lost.
    fn flush_row(&mut self) {
        if !self.row.is_empty() || !self.cell.is_empty() {
            self.end_row();
        }
    }

    fn flush_code(&mut self) {
        self.builder.push(BlockKind::Code, &self.code);
        self.code.clear();
    }

    fn finish(mut self) {
        self.end_paragraph(u32::MAX);
        self.flush_row();
        self.flush_code();
    }
}
