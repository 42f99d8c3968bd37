//! OpenDocument workbooks.
//!
//! Cells and rows may be repeated; repeated empty ones, of which every sheet ends in a million, cost nothing.

use std::ops::Range;

use quick_xml::events::BytesStart;

use super::number_format::write_plain;
use super::rows::Rows;
use crate::block::Document;
use crate::detect::FileType;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use crate::parse::opendocument::content;
use crate::parse::xml::{Node, attribute, walk_nodes};

/// Columns that a sheet can have.
const MAX_COLUMNS: u32 = 16_384;

/// Reads a workbook.
///
/// # Errors
/// `parse.truncated` (no directory), `parse.encrypted`, `parse.bomb`, `parse.malformed`, `parse.limit` (nesting).
pub(in crate::parse) fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    let mut builder = DocumentBuilder::new(FileType::Ods);
    let (xml, package) = content(bytes, FileType::Ods, limits, &mut builder)?;
    let mut grid = Grid {
        rows: Rows::new(limits, &mut builder),
        row: Vec::new(),
        row_repeats: 1,
        cell: None,
        column: 0,
        in_paragraph: false,
        boxes: Vec::new(),
        skipped: 0,
    };
    walk_nodes(&xml, limits, |node| {
        match node {
            Node::Open(element) if grid.skipped > 0 || is_skipped(element) => grid.skipped += 1,
            Node::Close(_) if grid.skipped > 0 => grid.skipped -= 1,
            _ if grid.skipped > 0 => {}
            Node::Open(element) => grid.open(element),
            Node::Close(name) => grid.close(name),
            Node::Text(text) if grid.in_paragraph => grid.text(&text),
            _ => {}
        }
        Ok(())
    })?;
    grid.rows.finish();
    for warning in package.warnings() {
        builder.warn(warning);
    }
    Ok(builder.finish())
}

struct Grid<'a> {
    rows: Rows<'a>,
    /// Cells with text of the open row, each with the columns that repeat it.
    row: Vec<(Range<u32>, String)>,
    row_repeats: u32,
    cell: Option<Cell>,
    column: u32,
    in_paragraph: bool,
    /// Texts that lie over the grid; they follow it.
    boxes: Vec<String>,
    /// Open elements of content that is no text.
    skipped: usize,
}

struct Cell {
    repeats: u32,
    /// The value, if it says more than the text that is shown.
    value: Option<String>,
    text: String,
}

impl Grid<'_> {
    fn open(&mut self, element: &BytesStart<'_>) {
        match element.local_name().as_ref() {
            "table" => {
                let name = attribute(element, "name").unwrap_or_default();
                if !self.rows.begin_sheet(&name) {
                    // This sheet, and so all that follow.
                    self.skipped = 1;
                }
            }
            "table-row" => {
                self.row.clear();
                self.column = 0;
                self.row_repeats = repeats(element, "number-rows-repeated");
            }
            "table-cell" | "covered-table-cell" => {
                self.cell = Some(Cell {
                    repeats: repeats(element, "number-columns-repeated").min(MAX_COLUMNS),
                    value: value(element),
                    text: String::new(),
                });
            }
            "p" => {
                self.in_paragraph = true;
                if self.cell.is_none() {
                    self.boxes.push(String::new());
                }
                self.text(" ");
            }
            "s" | "tab" | "line-break" => self.text(" "),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        let so_far = match &mut self.cell {
            Some(cell) => Some(&mut cell.text),
            None => self.boxes.last_mut(),
        };
        if let Some(so_far) = so_far {
            so_far.push_str(text);
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "p" => self.in_paragraph = false,
            "table-cell" | "covered-table-cell" => self.end_cell(),
            "table-row" => self.end_row(),
            "table" => {
                for text in std::mem::take(&mut self.boxes) {
                    self.rows.paragraph(&text);
                }
            }
            _ => {}
        }
    }

    fn end_cell(&mut self) {
        let Some(cell) = self.cell.take() else { return };
        let text = cell.value.unwrap_or(cell.text);
        let text = text.trim();
        let end = self.column.saturating_add(cell.repeats).min(MAX_COLUMNS);
        if !text.is_empty() {
            self.row.push((self.column..end, text.to_owned()));
        }
        self.column = end;
    }

    fn end_row(&mut self) {
        if self.row.is_empty() {
            return;
        }
        for _ in 0..self.row_repeats {
            if self.rows.is_full() {
                break;
            }
            for (columns, text) in &self.row {
                for column in columns.clone() {
                    self.rows.cell(column, text);
                }
            }
            self.rows.end_row();
        }
        self.row.clear();
    }
}

fn repeats(element: &BytesStart<'_>, name: &str) -> u32 {
    attribute(element, name)
        .and_then(|count| count.parse().ok())
        .unwrap_or(1)
}

/// The value of a number, date or truth, which the text shows in the way of some country.
fn value(element: &BytesStart<'_>) -> Option<String> {
    match attribute(element, "value-type")?.as_str() {
        "float" => {
            let number = attribute(element, "value")?.parse().ok()?;
            let mut text = String::new();
            write_plain(number, &mut text);
            Some(text)
        }
        "date" => {
            let date = attribute(element, "date-value")?;
            let date = date.split('.').next()?.trim_end_matches("T00:00:00");
            Some(date.replacen('T', " ", 1))
        }
        "boolean" => Some(attribute(element, "boolean-value")?.to_uppercase()),
        _ => None,
    }
}

/// Changes that were undone, comments, names and descriptions of drawings, data of pictures.
fn is_skipped(element: &BytesStart<'_>) -> bool {
    matches!(
        element.local_name().as_ref(),
        "tracked-changes" | "annotation" | "title" | "desc" | "binary-data" | "forms" | "scripts"
    )
}

#[cfg(test)]
mod tests {
    use crate::limits::Limits;
    use crate::parse::parse_bytes;
    use crate::parse::test_package::package;

    fn text(table: &str, limits: &Limits) -> String {
        let content = format!(
            "<office:spreadsheet><table:table table:name=\"T\">{table}</table:table></office:spreadsheet>"
        );
        let bytes = package(&[
            ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
            ("content.xml", &content),
        ]);
        let document = parse_bytes(&bytes, None, limits).unwrap();
        document.check().unwrap();
        document.text
    }

    #[test]
    fn values_are_read_and_repeated_emptiness_is_not() {
        let text = text(
            "<table:table-row><table:table-cell office:value-type=\"float\" office:value=\"1234.5\"><text:p>1.234,50</text:p></table:table-cell>\
             <table:table-cell table:number-columns-repeated=\"2\"/>\
             <table:table-cell office:value-type=\"date\" office:date-value=\"2024-02-29T12:00:00\"><text:p>29.02.24</text:p></table:table-cell>\
             <table:table-cell><office:annotation><text:p>gone</text:p></office:annotation><text:p>a</text:p><text:p>b<text:s/>c</text:p></table:table-cell>\
             </table:table-row>\
             <table:table-row table:number-rows-repeated=\"2\"><table:table-cell table:number-columns-repeated=\"2\" office:value-type=\"string\"><text:p>x</text:p></table:table-cell>\
             </table:table-row>\
             <table:table-row table:number-rows-repeated=\"1048570\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>",
            &Limits::default(),
        );
        assert_eq!(
            text,
            "T\n\n1234.5 | | | 2024-02-29 12:00:00 | a b c\nx | x\nx | x"
        );
    }

    #[test]
    fn repeated_cells_are_bounded() {
        let limits = Limits {
            max_cells: 100,
            ..Limits::default()
        };
        let text = text(
            "<table:table-row table:number-rows-repeated=\"1000000000\"><table:table-cell table:number-columns-repeated=\"4000000000\">\
             <text:p>x</text:p></table:table-cell></table:table-row>",
            &limits,
        );
        assert_eq!(text.matches('x').count(), 100);
    }
}
