//! The grid of a worksheet.

use quick_xml::events::BytesStart;

use crate::error::ParseError;
use crate::limits::Limits;
use crate::parse::sheet::number_styles::NumberStyles;
use crate::parse::sheet::rows::Rows;
use crate::parse::sheet::shared_strings::SharedStrings;
use crate::parse::xml::{Node, walk_nodes};

/// Numbers with so many characters need no rounding.
const MAX_EXACT_DIGITS: usize = 15;

/// What the value of a cell is (ECMA-376 part 1, 18.18.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CellType {
    Number,
    SharedString,
    Boolean,
    /// An ISO 8601 date.
    Date,
    /// Text in place, the text of a formula, or an error.
    Text,
}

struct Cell {
    column: u32,
    style: u32,
    value_type: CellType,
}

struct Grid<'a, 'b> {
    strings: &'a SharedStrings,
    styles: &'a NumberStyles,
    rows: &'a mut Rows<'b>,
    cell: Option<Cell>,
    /// Column of a cell that does not name its own.
    next_column: u32,
    value: String,
    /// Within the value of a cell, or its text in place.
    in_value: bool,
    in_reading: bool,
    scratch: String,
}

/// Reads the cells of a worksheet.
pub(super) fn read(
    xml: &str,
    limits: &Limits,
    strings: &SharedStrings,
    styles: &NumberStyles,
    rows: &mut Rows<'_>,
) -> Result<(), ParseError> {
    let mut grid = Grid {
        strings,
        styles,
        rows,
        cell: None,
        next_column: 0,
        value: String::new(),
        in_value: false,
        in_reading: false,
        scratch: String::new(),
    };
    let outcome = walk_nodes(xml, limits, |node| {
        match node {
            Node::Open(element) => grid.open(element),
            Node::Close(name) => grid.close(name),
            Node::Text(text) if grid.in_value => grid.value.push_str(&text),
            _ => {}
        }
        Ok(())
    });
    grid.rows.end_row();
    outcome
}

impl Grid<'_, '_> {
    fn open(&mut self, element: &BytesStart<'_>) {
        match element.local_name().as_ref() {
            "c" => {
                let cell = cell(element, self.next_column);
                self.next_column = cell.column.saturating_add(1);
                self.cell = Some(cell);
                self.value.clear();
            }
            "v" => self.in_value = self.cell.is_some(),
            "t" => self.in_value = self.cell.is_some() && !self.in_reading,
            "rPh" => self.in_reading = true,
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "v" | "t" => self.in_value = false,
            "rPh" => self.in_reading = false,
            "c" => {
                if let Some(cell) = self.cell.take() {
                    self.write(&cell);
                }
            }
            "row" => {
                self.next_column = 0;
                self.rows.end_row();
            }
            _ => {}
        }
    }

    fn write(&mut self, cell: &Cell) {
        let value = self.value.trim();
        if value.is_empty() {
            return;
        }
        let text = match cell.value_type {
            CellType::SharedString => {
                let index = value.parse().ok();
                index
                    .and_then(|index| self.strings.get(index))
                    .unwrap_or_default()
            }
            CellType::Boolean if value == "1" => "TRUE",
            CellType::Boolean if value == "0" => "FALSE",
            CellType::Date => {
                self.scratch.clear();
                let day = value.trim_end_matches('Z').trim_end_matches("T00:00:00");
                self.scratch.push_str(&day.replacen('T', " ", 1));
                &self.scratch
            }
            CellType::Number => number(value, cell.style, self.styles, &mut self.scratch),
            _ => &self.value,
        };
        self.rows.cell(cell.column, text);
    }
}

fn number<'a>(
    value: &'a str,
    style: u32,
    styles: &NumberStyles,
    scratch: &'a mut String,
) -> &'a str {
    let is_exact = value.len() <= MAX_EXACT_DIGITS && !value.contains(['e', 'E']);
    if is_exact && styles.is_plain(style) {
        return value;
    }
    let Ok(number) = value.parse() else {
        return value;
    };
    scratch.clear();
    styles.write(number, style, scratch);
    scratch
}

fn cell(element: &BytesStart<'_>, next_column: u32) -> Cell {
    let mut cell = Cell {
        column: next_column,
        style: 0,
        value_type: CellType::Number,
    };
    for attribute in element.attributes().with_checks(false).flatten() {
        let value = attribute.value.as_ref();
        match attribute.key.as_ref() {
            "r" => cell.column = column(value).unwrap_or(next_column),
            "s" => cell.style = value.parse().unwrap_or(0),
            "t" => {
                cell.value_type = match value {
                    "s" => CellType::SharedString,
                    "b" => CellType::Boolean,
                    "d" => CellType::Date,
                    "str" | "inlineStr" | "e" => CellType::Text,
                    _ => CellType::Number,
                }
            }
            _ => {}
        }
    }
    cell
}

/// Returns the column, from 0, of a reference such as `AB12`; `None` if there is no such column.
fn column(reference: &str) -> Option<u32> {
    const MAX_LETTERS: usize = 3;
    let letters = reference
        .bytes()
        .take_while(u8::is_ascii_alphabetic)
        .count();
    if !(1..=MAX_LETTERS).contains(&letters) {
        return None;
    }
    let number = reference.bytes().take(letters).fold(0, |number, letter| {
        number * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1
    });
    Some(number - 1)
}
