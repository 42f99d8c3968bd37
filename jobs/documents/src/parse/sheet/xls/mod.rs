//! Excel workbooks of 1993–2003 ([MS-XLS], BIFF5 to BIFF8): the stream `Workbook` or `Book` of a compound file.
//!
//! The stream is a row of records: the globals (strings, formats, the names and places of the sheets), then a part a
//! sheet with its cells.

mod cells;
mod records;

use encoding_rs::{Encoding, WINDOWS_1252};

use super::number_styles::NumberStyles;
use super::rows::Rows;
use super::shared_strings::SharedStrings;
use crate::block::Document;
use crate::detect::FileType;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use crate::parse::binary::Cursor;
use crate::parse::code_page;
use crate::parse::compound::Compound;
use crate::parse::encrypted;
use crate::parse::xml::malformed;
use records::{Records, Strings, record};

/// Reads a workbook.
///
/// # Errors
/// `parse.truncated`, `parse.encrypted`, `parse.malformed`.
pub(in crate::parse) fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    let mut file = Compound::open(bytes, "XLS", limits)?;
    let stream = match file.stream("/Workbook") {
        Some(stream) => stream,
        None => file
            .stream("/Book")
            .ok_or_else(|| malformed("the file has no stream `Workbook`, so it is no workbook"))?,
    };
    let globals = Globals::read(&stream, limits)?;
    let mut builder = DocumentBuilder::new(FileType::Xls);
    let mut rows = Rows::new(limits, &mut builder);
    for sheet in &globals.sheets {
        if !rows.begin_sheet(&sheet.name) {
            break;
        }
        match stream.get(sheet.offset as usize..) {
            Some(part) => cells::read(part, &globals, &mut rows),
            None => rows.builder.warn(format!(
                "sheet `{}` is missing; the file ends early",
                sheet.name
            )),
        }
    }
    rows.finish();
    Ok(builder.finish())
}

/// What the sheets share.
struct Globals {
    /// BIFF8 has Unicode strings; before, they are in a code page.
    is_biff8: bool,
    encoding: &'static Encoding,
    styles: NumberStyles,
    strings: SharedStrings,
    sheets: Vec<Sheet>,
}

struct Sheet {
    name: String,
    offset: u32,
}

impl Globals {
    fn read(stream: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        const BIFF8: u16 = 0x0600;
        let mut globals = Self {
            is_biff8: true,
            encoding: WINDOWS_1252,
            styles: NumberStyles::default(),
            strings: SharedStrings::default(),
            sheets: Vec::new(),
        };
        let mut records = Records::new(stream);
        let mut is_first = true;
        while let Some((kind, mut content)) = records.next() {
            match kind {
                record::BOF if is_first => {
                    globals.is_biff8 = content.u16().is_some_and(|version| version >= BIFF8);
                }
                _ if is_first => return Err(malformed("the workbook does not begin as one")),
                record::END => break,
                record::ENCRYPTED => return Err(encrypted(FileType::Xls)),
                record::CODE_PAGE => {
                    if let Some(page) = content.u16() {
                        globals.encoding =
                            code_page::encoding(u32::from(page)).unwrap_or(WINDOWS_1252);
                    }
                }
                record::DATE_SYSTEM => globals.styles.is_1904 = content.u16() == Some(1),
                record::FORMAT => globals.format(content),
                record::CELL_FORMAT => {
                    content.u16();
                    let format = content.u16().map_or(0, u32::from);
                    globals.styles.add_cell_format(format);
                }
                record::SHEET if globals.sheets.len() <= limits.max_pages as usize => {
                    globals.sheet(content);
                }
                record::SHARED_STRINGS => {
                    let mut strings = Strings::new(content, &mut records);
                    strings.take(8);
                    while strings.read_shared(&mut globals.strings).is_some() {}
                }
                _ => {}
            }
            is_first = false;
        }
        Ok(globals)
    }

    fn format(&mut self, mut content: Cursor<'_>) {
        let Some(id) = content.u16() else { return };
        let code = if self.is_biff8 {
            records::string(&mut content, true, self)
        } else {
            records::short_string(&mut content, self)
        };
        self.styles
            .add_code(u32::from(id), &code.unwrap_or_default());
    }

    fn sheet(&mut self, mut content: Cursor<'_>) {
        const WORKSHEET: u8 = 0;
        let (Some(offset), Some(_state), Some(kind)) = (content.u32(), content.u8(), content.u8())
        else {
            return;
        };
        if kind == WORKSHEET {
            let name = records::short_string(&mut content, self).unwrap_or_default();
            self.sheets.push(Sheet { name, offset });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::error::{ErrorCode, ParseError};
    use crate::limits::Limits;
    use crate::parse::parse_bytes;
    use crate::parse::test_package::compound;

    fn record(kind: u16, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let head = [kind.to_le_bytes(), (content.len() as u16).to_le_bytes()].concat();
        [head, content].concat()
    }

    fn begin() -> Vec<u8> {
        record(0x0809, &[&[0x00, 0x06, 0x05, 0x00], &[0; 12]])
    }

    fn cell(kind: u16, row: u16, column: u16, format: u16, value: &[u8]) -> Vec<u8> {
        let place = [row, column, format].map(u16::to_le_bytes).concat();
        record(kind, &[&place, value])
    }

    /// A workbook with one sheet of these records, after these globals.
    fn parse(globals: &[u8], cells: &[Vec<u8>]) -> Result<String, ParseError> {
        let end = record(0x000A, &[]);
        let sheet = |offset: u32| record(0x0085, &[&offset.to_le_bytes(), &[0, 0, 5, 0], b"Sheet"]);
        let offset = begin().len() + globals.len() + sheet(0).len() + end.len();
        let parts = [
            begin(),
            globals.to_vec(),
            sheet(offset as u32),
            end.clone(),
            begin(),
            cells.concat(),
            end,
        ];
        let bytes = compound(&[("Workbook", &parts.concat())]);
        let document = parse_bytes(&bytes, None, &Limits::default())?;
        document.check().unwrap();
        Ok(document.text)
    }

    #[test]
    fn cells_of_every_type_are_read() {
        let strings = [
            record(
                0x00FC,
                &[
                    &[2, 0, 0, 0, 3, 0, 0, 0],
                    // Rich: one run follows the characters.
                    &[3, 0, 8, 1, 0],
                    b"abc",
                    &[0, 0, 0, 0],
                    // Four characters, of which the next record has two, in another width.
                    &[4, 0, 0],
                    b"de",
                ],
            ),
            record(0x003C, &[&[1, 0xE5, 0x77, 0xC6, 0x8B], &[1, 0, 0], b"f"]),
            record(0x041E, &[&[164, 0, 10, 0, 0], b"yyyy-mm-dd"]),
            record(0x00E0, &[&[0; 4]]),
            record(0x00E0, &[&[0, 0, 164, 0]]),
        ];
        let cells = [
            cell(0x00FD, 0, 0, 0, &0_u32.to_le_bytes()),
            cell(0x00FD, 0, 1, 0, &1_u32.to_le_bytes()),
            cell(0x00FD, 0, 2, 0, &2_u32.to_le_bytes()),
            cell(0x0203, 1, 0, 1, &45_351.0_f64.to_le_bytes()),
            cell(0x027E, 1, 1, 0, &((7_u32 << 2) | 2).to_le_bytes()),
            cell(0x0205, 1, 3, 0, &[1, 0]),
            cell(0x0205, 1, 4, 0, &[0x2A, 1]),
            // A formula whose text follows.
            cell(0x0006, 2, 0, 0, &[0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0]),
            record(0x0207, &[&[2, 0, 0], b"ok"]),
            cell(0x0006, 2, 1, 0, &1.5_f64.to_le_bytes()),
            // Two numbers in one record.
            record(
                0x00BD,
                &[
                    &[3, 0, 0, 0],
                    &[0, 0, 6, 0, 0, 0],
                    &[0, 0, 10, 0, 0, 0],
                    &[1, 0],
                ],
            ),
            // Ends too early.
            record(0x0203, &[&[4, 0, 0, 0]]),
        ];
        assert_eq!(
            parse(&strings.concat(), &cells).unwrap(),
            "Sheet\n\nabc | de知识 | f\n2024-02-29 | 7 | | TRUE | #N/A\nok | 1.5\n1 | 2"
        );
    }

    #[test]
    fn protected_workbooks_say_so() {
        let error = parse(&record(0x002F, &[&[1, 0, 1, 0]]), &[]).unwrap_err();
        assert_eq!(error.code, ErrorCode::Encrypted);
    }
}
