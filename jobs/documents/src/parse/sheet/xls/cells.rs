//! The part of a sheet.

use super::Globals;
use super::records::{Records, Strings, record, string};
use crate::parse::binary::{Cursor, cell_error};
use crate::parse::sheet::rows::Rows;

/// Type of the object that shows a comment.
const COMMENT: u16 = 0x19;
/// Text of boxes on one sheet that is kept.
const MAX_BOXES: usize = 10_000;

struct Grid<'a, 'b> {
    globals: &'a Globals,
    rows: &'a mut Rows<'b>,
    row: Option<u16>,
    /// Column of a formula whose text comes in a record of its own.
    pending: Option<u16>,
    /// Texts that lie over the grid; they follow it.
    boxes: Vec<String>,
    in_comment: bool,
    text: String,
}

/// Reads the cells of the part that `bytes` begin with.
pub(super) fn read(bytes: &[u8], globals: &Globals, rows: &mut Rows<'_>) {
    let mut records = Records::new(bytes);
    let mut grid = Grid {
        globals,
        rows,
        row: None,
        pending: None,
        boxes: Vec::new(),
        in_comment: false,
        text: String::new(),
    };
    // Charts on the sheet are parts within it.
    let mut depth = 0_usize;
    while let Some((kind, content)) = records.next() {
        match kind {
            record::BOF => depth += 1,
            record::END => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            _ if depth > 1 => {}
            _ if grid.rows.is_full() => break,
            record::FORMULA_STRING => grid.formula_text(content, &mut records),
            record::OBJECT => grid.object(content),
            record::TEXT_BOX => grid.text_box(content, &mut records),
            // A record that ends too early is no cell.
            _ => drop(grid.cell(kind, content)),
        }
    }
    grid.rows.end_row();
    for text in &grid.boxes {
        grid.rows.paragraph(text);
    }
}

impl Grid<'_, '_> {
    fn cell(&mut self, kind: u16, mut content: Cursor<'_>) -> Option<()> {
        if !matches!(
            kind,
            record::FORMULA
                | record::NUMBERS
                | record::RICH_LABEL
                | record::SHARED_LABEL
                | record::REAL
                | record::LABEL
                | record::BOOL_OR_ERROR
                | record::NUMBER
        ) {
            return None;
        }
        let row = content.u16()?;
        let mut column = content.u16()?;
        if self.row != Some(row) {
            self.rows.end_row();
            self.row = Some(row);
        }
        self.pending = None;
        if kind == record::NUMBERS {
            // Pairs of format and number, then the last column.
            while content.rest().len() >= 6 {
                let format = content.u16()?;
                let value = content.rk()?;
                self.number(column, format, value);
                column = column.saturating_add(1);
            }
            return Some(());
        }
        let format = content.u16()?;
        match kind {
            record::REAL => self.number(column, format, content.f64()?),
            record::NUMBER => self.number(column, format, content.rk()?),
            record::SHARED_LABEL => {
                let index = content.u32()? as usize;
                self.rows
                    .cell(u32::from(column), self.globals.strings.get(index)?);
            }
            record::BOOL_OR_ERROR => {
                let value = content.u8()?;
                let is_error = content.u8()? != 0;
                self.bool_or_error(column, value, is_error);
            }
            record::FORMULA => self.formula(column, format, content.take(8)?),
            _ => {
                let text = string(&mut content, self.globals.is_biff8, self.globals)?;
                self.rows.cell(u32::from(column), &text);
            }
        }
        Some(())
    }

    fn number(&mut self, column: u16, format: u16, value: f64) {
        self.text.clear();
        self.globals
            .styles
            .write(value, u32::from(format), &mut self.text);
        self.rows.cell(u32::from(column), &self.text);
    }

    fn bool_or_error(&mut self, column: u16, value: u8, is_error: bool) {
        let text = match (is_error, value) {
            (true, code) => cell_error(code),
            (false, 0) => "FALSE",
            (false, _) => "TRUE",
        };
        self.rows.cell(u32::from(column), text);
    }

    /// The saved value of a formula: a number, or the mark of another type ([MS-XLS] 2.5.133).
    fn formula(&mut self, column: u16, format: u16, value: &[u8]) {
        match *value {
            [0, _, _, _, _, _, 0xFF, 0xFF] => self.pending = Some(column),
            [kind @ (1 | 2), _, value, _, _, _, 0xFF, 0xFF] => {
                self.bool_or_error(column, value, kind == 2);
            }
            [_, _, _, _, _, _, 0xFF, 0xFF] => {}
            _ => {
                if let Some(value) = Cursor::new(value).f64() {
                    self.number(column, format, value);
                }
            }
        }
    }

    fn formula_text<'r>(&mut self, content: Cursor<'r>, records: &mut Records<'r>) {
        let Some(column) = self.pending.take() else {
            return;
        };
        self.text.clear();
        if self.globals.is_biff8 {
            let mut content = content;
            if let (Some(count), Some(flags)) = (content.u16(), content.u8()) {
                let text = &mut self.text;
                Strings::new(content, records)
                    .characters(usize::from(count), flags, |part| text.push_str(part));
            }
        } else if let Some(text) = string(&mut { content }, false, self.globals) {
            self.text = text;
        }
        self.rows.cell(u32::from(column), &self.text);
    }

    /// Remembers whether the text that follows belongs to a comment.
    fn object(&mut self, mut content: Cursor<'_>) {
        content.take(4);
        self.in_comment = content.u16() == Some(COMMENT);
    }

    fn text_box<'r>(&mut self, mut content: Cursor<'r>, records: &mut Records<'r>) {
        content.take(10);
        let Some(count) = content.u16().filter(|count| *count > 0) else {
            return;
        };
        let Some(mut characters) = records.next_continuation() else {
            return;
        };
        let Some(flags) = characters.u8() else { return };
        let mut text = String::new();
        Strings::new(characters, records)
            .characters(usize::from(count), flags, |part| text.push_str(part));
        if !self.in_comment && self.boxes.len() < MAX_BOXES {
            self.boxes.push(text);
        }
    }
}
