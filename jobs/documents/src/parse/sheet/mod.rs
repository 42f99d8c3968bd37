//! Workbooks: every sheet a page, its name a heading, its rows lines of tables.
//!
//! The readers ([`xlsx`], [`xlsb`], [`xls`], [`ods`]) stream cells in the order of the file into a [`rows::Rows`].
//! Nothing is ever sized by the dimensions of a sheet, which a file may state as it likes: two cells at opposite
//! corners cost two cells. That, and panics of the ready-made library on real files, is why the binary formats have
//! readers of their own. Hidden sheets are read, formulas give the values that were saved with them, a merged cell
//! gives its value once, and numbers that are dates in the eyes of the workbook are written as dates
//! ([`number_format`]).

mod number_format;
mod number_styles;
mod ods;
mod rows;
mod shared_strings;
mod xls;
mod xlsb;
mod xlsx;

pub(super) use ods::parse as parse_ods;
pub(super) use xls::parse as parse_xls;
pub(super) use xlsb::parse as parse_xlsb;
pub(super) use xlsx::parse as parse_xlsx;
