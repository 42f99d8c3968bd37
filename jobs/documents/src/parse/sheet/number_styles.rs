//! The cell formats of a workbook, as far as they say what a number is.

use std::collections::HashMap;

use super::number_format::NumberFormat;

/// Formats of cells by their index, gathered from the workbook's lists.
#[derive(Debug, Default)]
pub(super) struct NumberStyles {
    custom: HashMap<u32, NumberFormat>,
    cells: Vec<NumberFormat>,
    /// Whether days count from 1904.
    pub(super) is_1904: bool,
}

impl NumberStyles {
    /// Adds a format of the workbook's own.
    pub(super) fn add_code(&mut self, id: u32, code: &str) {
        self.custom.insert(id, NumberFormat::from_code(code));
    }

    /// Adds the next cell format, which names a number format. All codes must have been added.
    pub(super) fn add_cell_format(&mut self, id: u32) {
        let format = self.custom.get(&id).copied();
        self.cells
            .push(format.unwrap_or_else(|| NumberFormat::builtin(id)));
    }

    /// Appends the number of a cell with the format of this index.
    pub(super) fn write(&self, value: f64, cell_format: u32, out: &mut String) {
        let format = self.cells.get(cell_format as usize).copied();
        format.unwrap_or_default().write(value, self.is_1904, out);
    }

    /// Tells whether numbers with the format of this index are written as they are.
    pub(super) fn is_plain(&self, cell_format: u32) -> bool {
        let format = self.cells.get(cell_format as usize).copied();
        format.unwrap_or_default() == NumberFormat::Plain
    }
}
