//! From cells to blocks: a line a row, cells joined by ` | `, in blocks of bounded size.

use crate::block::BlockKind;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;

/// A block ends after the row that reaches this size: small enough for a chunk or two.
const BLOCK_BYTES: usize = 2048;
/// So many empty cells between two cells keep columns in line; more are a jump to another part of the sheet.
const MAX_GAP: u32 = 32;
/// Columns that a sheet can have.
const MAX_COLUMNS: u32 = 16_384;
const SEPARATOR: &str = " | ";

/// Takes the cells of a workbook in the order of the file.
pub(super) struct Rows<'a> {
    pub(super) builder: &'a mut DocumentBuilder,
    limits: &'a Limits,
    block: String,
    row: String,
    /// The column after the last cell of the row.
    next_column: u32,
    /// Where the first row of the sheet begins: empty columns before it are not written.
    first_column: Option<u32>,
    cells: usize,
    text_bytes: usize,
    sheets: u32,
}

impl<'a> Rows<'a> {
    pub(super) fn new(limits: &'a Limits, builder: &'a mut DocumentBuilder) -> Self {
        Self {
            builder,
            limits,
            block: String::new(),
            row: String::new(),
            next_column: 0,
            first_column: None,
            cells: 0,
            text_bytes: 0,
            sheets: 0,
        }
    }

    /// Starts a sheet. Returns `false` when no more are read.
    pub(super) fn begin_sheet(&mut self, name: &str) -> bool {
        self.end_sheet();
        if self.is_full() {
            return false;
        }
        if self.sheets >= self.limits.max_pages {
            self.builder
                .warn(format!("stopped after {} sheets", self.limits.max_pages));
            return false;
        }
        self.sheets += 1;
        self.builder.begin_page(self.sheets);
        self.builder.push(BlockKind::Heading(1), name);
        true
    }

    /// Tells whether the limits are reached: then the reader may stop.
    pub(super) fn is_full(&self) -> bool {
        self.cells >= self.limits.max_cells || self.text_bytes >= self.limits.max_text_bytes
    }

    /// Takes the next cell of the row; `column` counts from 0. An empty one costs nothing.
    pub(super) fn cell(&mut self, column: u32, text: &str) {
        // Cells come in order; what does not is put after the others.
        let column = column.clamp(self.next_column, MAX_COLUMNS.max(self.next_column));
        if text.trim().is_empty() {
            return;
        }
        if self.is_full() {
            return;
        }
        let first = *self.first_column.get_or_insert(column);
        let from = if self.row.is_empty() {
            first.min(column)
        } else {
            self.next_column - 1
        };
        let gap = column - from;
        let separators = if gap > MAX_GAP { 1 } else { gap };
        for _ in 0..separators {
            self.row.push_str(SEPARATOR);
        }
        let before = self.row.len();
        // A row is a line: breaks within a cell become blanks.
        if text.contains([
            '\n', '\r', '\t', '\u{0B}', '\u{0C}', '\u{85}', '\u{2028}', '\u{2029}',
        ]) {
            for (index, word) in text.split_whitespace().enumerate() {
                if index > 0 {
                    self.row.push(' ');
                }
                self.row.push_str(word);
            }
        } else {
            self.row.push_str(text);
        }
        self.next_column = column + 1;
        self.cells += 1;
        self.text_bytes += self.row.len() - before;
    }

    pub(super) fn end_row(&mut self) {
        self.next_column = 0;
        if self.row.is_empty() {
            return;
        }
        if !self.block.is_empty() {
            self.block.push('\n');
        }
        self.block.push_str(&self.row);
        self.row.clear();
        if self.block.len() >= BLOCK_BYTES {
            self.flush();
        }
    }

    /// Appends a text that is not in the grid, such as that of a box.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.end_row();
        self.flush();
        self.builder.push(BlockKind::Paragraph, text);
    }

    /// Ends the last sheet. Returns how many cells had a text.
    pub(super) fn finish(mut self) -> usize {
        self.end_sheet();
        if self.is_full() {
            let (cells, text) = (self.limits.max_cells, self.limits.max_text_bytes >> 20);
            self.builder.warn(if self.cells >= cells {
                format!("stopped after {cells} cells")
            } else {
                format!("stopped after {text} MiB of text")
            });
        }
        self.cells
    }

    fn end_sheet(&mut self) {
        self.end_row();
        self.flush();
        self.first_column = None;
    }

    fn flush(&mut self) {
        self.builder.push(BlockKind::Table, &self.block);
        self.block.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::FileType;

    fn text(limits: &Limits, write: impl FnOnce(&mut Rows<'_>)) -> (String, Vec<String>) {
        let mut builder = DocumentBuilder::new(FileType::Xlsx);
        let mut rows = Rows::new(limits, &mut builder);
        write(&mut rows);
        rows.finish();
        let document = builder.finish();
        document.check().unwrap();
        (document.text, document.warnings)
    }

    #[test]
    fn columns_stay_in_line_and_far_cells_cost_nothing() {
        let (text, _) = text(&Limits::default(), |rows| {
            assert!(rows.begin_sheet("S"));
            rows.cell(1, "a");
            rows.cell(2, "b\nc");
            rows.end_row();
            rows.cell(2, "d");
            rows.cell(16_383, "far");
            rows.end_row();
            rows.cell(0, "e");
            rows.cell(3, "f");
            rows.end_row();
        });
        assert_eq!(text, "S\n\na | b c\n| d | far\ne | | | f");
    }

    #[test]
    fn limits_stop_a_workbook_with_a_warning() {
        let limits = Limits {
            max_cells: 2,
            ..Limits::default()
        };
        let (text, warnings) = text(&limits, |rows| {
            rows.begin_sheet("S");
            for column in 0..4 {
                rows.cell(column, "x");
            }
            rows.end_row();
            assert!(!rows.begin_sheet("T"));
        });
        assert_eq!(text, "S\n\nx | x");
        assert_eq!(warnings, ["stopped after 2 cells"]);
    }
}
