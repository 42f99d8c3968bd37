//! Excel workbooks in the binary form of the Office Open XML package ([MS-XLSB]).
//!
//! A part is a row of records: a type and a size, both in seven bits a byte, then the content.

use super::number_styles::NumberStyles;
use super::rows::Rows;
use super::shared_strings::SharedStrings;
use crate::block::Document;
use crate::detect::FileType;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use crate::parse::binary::{Cursor, cell_error, utf16};
use crate::parse::package::Package;
use crate::parse::properties;
use crate::parse::relations::Relations;
use crate::parse::xml::malformed;

/// Reads a workbook.
///
/// # Errors
/// `parse.truncated` (no directory), `parse.encrypted`, `parse.bomb`, `parse.malformed`.
pub(in crate::parse) fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    let mut package = Package::open(bytes, "XLSB", limits)?;
    let mut builder = DocumentBuilder::new(FileType::Xlsb);
    let main = package.main_part("xl/workbook.bin")?;
    let workbook = package.read_bytes(&main)?.ok_or_else(|| {
        malformed(format!(
            "the archive has no `{main}`, so it is no Excel workbook"
        ))
    })?;
    let relations = Relations::of(&mut package, &main)?;
    let mut styles = NumberStyles::default();
    let sheets = sheets(&workbook, limits, &mut styles);
    properties::set_title(&mut package, properties::OFFICE, limits, &mut builder)?;
    if let Some(part) = relations.of_kind("styles").next()
        && let Some(content) = package.read_bytes(part)?
    {
        read_styles(&content, &mut styles);
    }
    let mut strings = SharedStrings::default();
    if let Some(part) = relations.of_kind("sharedStrings").next()
        && let Some(content) = package.read_bytes(part)?
    {
        for (kind, mut record) in Records::new(&content) {
            if kind == record::SHARED_STRING {
                record.u8();
                strings.push_str(&wide_string(&mut record).unwrap_or_default());
                strings.end();
            }
        }
    }
    let mut rows = Rows::new(limits, &mut builder);
    for sheet in &sheets {
        if relations.kind(&sheet.relation) != Some("worksheet") {
            continue;
        }
        if !rows.begin_sheet(&sheet.name) {
            break;
        }
        if let Some(part) = relations.target(&sheet.relation)
            && let Some(content) = package.read_bytes(part)?
        {
            read_sheet(&content, &strings, &styles, &mut rows);
        }
    }
    rows.finish();
    for warning in package.warnings() {
        builder.warn(warning);
    }
    Ok(builder.finish())
}

/// Types of records ([MS-XLSB] 2.3.2).
mod record {
    pub(super) const ROW: u32 = 0;
    pub(super) const CELL_RK: u32 = 2;
    pub(super) const CELL_ERROR: u32 = 3;
    pub(super) const CELL_BOOL: u32 = 4;
    pub(super) const CELL_REAL: u32 = 5;
    pub(super) const CELL_STRING: u32 = 6;
    pub(super) const CELL_SHARED: u32 = 7;
    pub(super) const FORMULA_STRING: u32 = 8;
    pub(super) const FORMULA_NUMBER: u32 = 9;
    pub(super) const FORMULA_BOOL: u32 = 10;
    pub(super) const FORMULA_ERROR: u32 = 11;
    /// From here to `SHORT_SHARED`: cells without a column, right of the cell before, in the order of the full ones.
    pub(super) const SHORT_RK: u32 = 13;
    pub(super) const SHORT_SHARED: u32 = 18;
    pub(super) const SHARED_STRING: u32 = 19;
    pub(super) const NUMBER_FORMAT: u32 = 44;
    pub(super) const CELL_FORMAT: u32 = 47;
    pub(super) const CELL_RICH_STRING: u32 = 62;
    pub(super) const WORKBOOK_PROPERTIES: u32 = 153;
    pub(super) const SHEET: u32 = 156;
    pub(super) const CELL_FORMATS_BEGIN: u32 = 617;
    pub(super) const CELL_FORMATS_END: u32 = 618;
}

/// Type and content of each record; ends where the bytes do.
struct Records<'a> {
    rest: Cursor<'a>,
}

impl<'a> Records<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: Cursor::new(bytes),
        }
    }

    fn number(&mut self, max_bytes: u32) -> Option<u32> {
        let mut number = 0;
        for index in 0..max_bytes {
            let byte = self.rest.u8()?;
            number |= u32::from(byte & 0x7F) << (7 * index);
            if byte & 0x80 == 0 {
                break;
            }
        }
        Some(number)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = (u32, Cursor<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let kind = self.number(2)?;
        let size = self.number(4)?;
        Some((kind, Cursor::new(self.rest.take(size as usize)?)))
    }
}

struct Sheet {
    name: String,
    relation: String,
}

fn sheets(workbook: &[u8], limits: &Limits, styles: &mut NumberStyles) -> Vec<Sheet> {
    let mut sheets = Vec::new();
    for (kind, mut record) in Records::new(workbook) {
        match kind {
            record::WORKBOOK_PROPERTIES => {
                styles.is_1904 = record.u32().is_some_and(|flags| flags & 1 != 0);
            }
            record::SHEET if sheets.len() <= limits.max_pages as usize => {
                record.take(8);
                sheets.push(Sheet {
                    relation: wide_string(&mut record).unwrap_or_default(),
                    name: wide_string(&mut record).unwrap_or_default(),
                });
            }
            _ => {}
        }
    }
    sheets
}

fn read_styles(content: &[u8], styles: &mut NumberStyles) {
    let mut in_cell_formats = false;
    for (kind, mut record) in Records::new(content) {
        match kind {
            record::NUMBER_FORMAT => {
                if let (Some(id), Some(code)) = (record.u16(), wide_string(&mut record)) {
                    styles.add_code(u32::from(id), &code);
                }
            }
            record::CELL_FORMATS_BEGIN => in_cell_formats = true,
            record::CELL_FORMATS_END => in_cell_formats = false,
            record::CELL_FORMAT if in_cell_formats => {
                record.u16();
                styles.add_cell_format(record.u16().map_or(0, u32::from));
            }
            _ => {}
        }
    }
}

fn read_sheet(content: &[u8], strings: &SharedStrings, styles: &NumberStyles, rows: &mut Rows<'_>) {
    let mut column = 0;
    let mut text = String::new();
    for (kind, mut record) in Records::new(content) {
        if rows.is_full() {
            break;
        }
        let kind = match kind {
            record::ROW => {
                rows.end_row();
                column = 0;
                continue;
            }
            record::SHORT_RK..=record::SHORT_SHARED => kind - record::SHORT_RK + record::CELL_RK,
            record::CELL_RK..=record::FORMULA_ERROR | record::CELL_RICH_STRING => {
                column = record.u32().unwrap_or(column);
                kind
            }
            _ => continue,
        };
        let style = record.u32().unwrap_or(0) & 0x00FF_FFFF;
        text.clear();
        if write_cell(kind, &mut record, style, strings, styles, &mut text).is_some() {
            rows.cell(column, &text);
        }
        column = column.saturating_add(1);
    }
    rows.end_row();
}

/// Appends the value of a cell; `None` if the record ends too early.
fn write_cell(
    kind: u32,
    record: &mut Cursor<'_>,
    style: u32,
    strings: &SharedStrings,
    styles: &NumberStyles,
    text: &mut String,
) -> Option<()> {
    match kind {
        record::CELL_RK => styles.write(record.rk()?, style, text),
        record::CELL_REAL | record::FORMULA_NUMBER => styles.write(record.f64()?, style, text),
        record::CELL_ERROR | record::FORMULA_ERROR => text.push_str(cell_error(record.u8()?)),
        record::CELL_BOOL | record::FORMULA_BOOL => {
            text.push_str(if record.u8()? == 0 { "FALSE" } else { "TRUE" });
        }
        record::CELL_STRING | record::FORMULA_STRING => text.push_str(&wide_string(record)?),
        record::CELL_SHARED => text.push_str(strings.get(record.u32()? as usize)?),
        record::CELL_RICH_STRING => {
            record.u8()?;
            text.push_str(&wide_string(record)?);
        }
        _ => {}
    }
    Some(())
}

/// A count of UTF-16 units, and these; a count of all ones is no string.
fn wide_string(record: &mut Cursor<'_>) -> Option<String> {
    let count = record.u32()?;
    if count == u32::MAX {
        return Some(String::new());
    }
    let bytes = record.take((count as usize).checked_mul(2)?)?;
    Some(utf16(bytes))
}

#[cfg(test)]
mod tests {
    use crate::limits::Limits;
    use crate::parse::parse_bytes;
    use crate::parse::test_package::package_of_bytes;

    fn record(kind: u32, content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        if kind < 0x80 {
            bytes.push(kind as u8);
        } else {
            bytes.extend([(kind & 0x7F) as u8 | 0x80, (kind >> 7) as u8]);
        }
        bytes.push(content.len() as u8);
        bytes.extend(content);
        bytes
    }

    fn wide(text: &str) -> Vec<u8> {
        let units: Vec<u16> = text.encode_utf16().collect();
        let count = units.len() as u32;
        let units = units.into_iter().flat_map(u16::to_le_bytes);
        count.to_le_bytes().into_iter().chain(units).collect()
    }

    #[test]
    fn records_become_rows() {
        let sheet = [&[0; 8][..], &wide("rId1"), &wide("数据")].concat();
        let workbook = record(156, &sheet);
        let cell = |column: u32, style: u32, value: &[u8]| {
            [&column.to_le_bytes()[..], &style.to_le_bytes(), value].concat()
        };
        let cells = [
            record(0, &[0; 16]),
            record(7, &cell(0, 0, &1_u32.to_le_bytes())),
            record(5, &cell(2, 1, &45_351.0_f64.to_le_bytes())),
            record(0, &[0; 16]),
            record(2, &cell(0, 0, &((7_u32 << 2) | 2).to_le_bytes())),
            record(8, &cell(1, 0, &wide("formula"))),
            // Ends too early.
            record(6, &cell(2, 0, &[255, 0, 0, 0])),
        ]
        .concat();
        let styles = [
            record(617, &[]),
            record(47, &[0, 0, 0, 0]),
            record(47, &[0, 0, 14, 0]),
            record(618, &[]),
        ]
        .concat();
        let strings = [
            record(19, &[&[0][..], &wide("a")].concat()),
            record(19, &[&[0][..], &wide("b")].concat()),
        ]
        .concat();
        let relations = "<Relationships><Relationship Id=\"rId1\" Type=\"x/worksheet\" Target=\"s.bin\"/>\
            <Relationship Id=\"rId2\" Type=\"x/styles\" Target=\"styles.bin\"/>\
            <Relationship Id=\"rId3\" Type=\"x/sharedStrings\" Target=\"strings.bin\"/></Relationships>";
        let bytes = package_of_bytes(&[
            ("xl/workbook.bin", &workbook),
            ("xl/_rels/workbook.bin.rels", relations.as_bytes()),
            ("xl/s.bin", &cells),
            ("xl/styles.bin", &styles),
            ("xl/strings.bin", &strings),
        ]);
        let document = parse_bytes(&bytes, None, &Limits::default()).unwrap();
        document.check().unwrap();
        assert_eq!(document.text, "数据\n\nb | | 2024-02-29\n7 | formula");
    }
}
