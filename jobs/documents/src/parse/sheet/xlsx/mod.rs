//! Excel workbooks (Office Open XML).

mod cells;

use super::number_styles::NumberStyles;
use super::rows::Rows;
use super::shared_strings::SharedStrings;
use crate::block::Document;
use crate::detect::FileType;
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use crate::parse::drawing::{Drawing, Role};
use crate::parse::package::{Package, folder_of};
use crate::parse::properties;
use crate::parse::relations::Relations;
use crate::parse::xml::{Node, attribute, malformed, walk_nodes};

/// Reads a workbook.
///
/// # Errors
/// `parse.truncated` (no directory), `parse.encrypted`, `parse.bomb`, `parse.malformed`, `parse.limit` (nesting).
pub(in crate::parse) fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    let mut package = Package::open(bytes, "XLSX", limits)?;
    let mut builder = DocumentBuilder::new(FileType::Xlsx);
    let main = package.main_part("xl/workbook.xml")?;
    let xml = package.read(&main)?.ok_or_else(|| {
        malformed(format!(
            "the archive has no `{main}`, so it is no Excel workbook"
        ))
    })?;
    let relations = Relations::of(&mut package, &main)?;
    let mut styles = NumberStyles::default();
    let sheets = sheets(&xml, limits, &mut styles)?;
    properties::set_title(&mut package, properties::OFFICE, limits, &mut builder)?;
    if let Some(xml) = related(&mut package, &relations, &main, "styles")? {
        read_styles(&xml, limits, &mut styles)?;
    }
    let strings = match related(&mut package, &relations, &main, "sharedStrings")? {
        Some(xml) => shared_strings(&xml, limits)?,
        None => SharedStrings::default(),
    };
    let mut rows = Rows::new(limits, &mut builder);
    let mut damage = None;
    for (number, sheet) in (1..).zip(&sheets) {
        let part = match relations.kind(&sheet.relation) {
            Some("worksheet") => relations.target(&sheet.relation).map(str::to_owned),
            // A chart on a sheet of its own shows what other sheets hold.
            Some(_) => continue,
            None => None,
        };
        let part =
            part.unwrap_or_else(|| format!("{}/worksheets/sheet{number}.xml", folder_of(&main)));
        if !rows.begin_sheet(&sheet.name) {
            break;
        }
        match read_sheet(&mut package, &part, &strings, &styles, &mut rows) {
            Err(error) if error.code == ErrorCode::Malformed => {
                rows.builder.warn(format!(
                    "sheet `{}` is damaged: {}",
                    sheet.name, error.message
                ));
                damage = Some(error);
            }
            outcome => outcome?,
        }
    }
    let cells = rows.finish();
    for warning in package.warnings() {
        builder.warn(warning);
    }
    match damage {
        Some(error) if cells == 0 => Err(error),
        _ => Ok(builder.finish()),
    }
}

struct Sheet {
    name: String,
    relation: String,
}

/// Returns the sheets in the order of their tabs, and reads the date system.
fn sheets(xml: &str, limits: &Limits, styles: &mut NumberStyles) -> Result<Vec<Sheet>, ParseError> {
    let mut sheets = Vec::new();
    walk_nodes(xml, limits, |node| {
        let Node::Open(element) = node else {
            return Ok(());
        };
        match element.local_name().as_ref() {
            "workbookPr" => {
                styles.is_1904 = attribute(element, "date1904")
                    .is_some_and(|value| matches!(value.as_str(), "1" | "true"));
            }
            "sheet" if sheets.len() <= limits.max_pages as usize => sheets.push(Sheet {
                name: attribute(element, "name").unwrap_or_default(),
                relation: attribute(element, "id").unwrap_or_default(),
            }),
            _ => {}
        }
        Ok(())
    })?;
    Ok(sheets)
}

/// Reads the part of this kind: the one that the workbook names, or the one that lies where it usually does.
fn related(
    package: &mut Package<'_>,
    relations: &Relations,
    main: &str,
    kind: &str,
) -> Result<Option<String>, ParseError> {
    if let Some(part) = relations.of_kind(kind).next()
        && let Some(xml) = package.read(part)?
    {
        return Ok(Some(xml));
    }
    package.read(&format!("{}/{kind}.xml", folder_of(main)))
}

fn read_styles(xml: &str, limits: &Limits, styles: &mut NumberStyles) -> Result<(), ParseError> {
    let mut in_cell_formats = false;
    let number = |value: Option<String>| value.and_then(|id| id.parse().ok()).unwrap_or(0);
    walk_nodes(xml, limits, |node| {
        match node {
            Node::Open(element) => match element.local_name().as_ref() {
                "numFmt" => styles.add_code(
                    number(attribute(element, "numFmtId")),
                    &attribute(element, "formatCode").unwrap_or_default(),
                ),
                "cellXfs" => in_cell_formats = true,
                "xf" if in_cell_formats => {
                    styles.add_cell_format(number(attribute(element, "numFmtId")));
                }
                _ => {}
            },
            Node::Close("cellXfs") => in_cell_formats = false,
            _ => {}
        }
        Ok(())
    })
}

/// Reads the table of strings; readings of Asian text (`rPh`) are no part of it.
fn shared_strings(xml: &str, limits: &Limits) -> Result<SharedStrings, ParseError> {
    let mut strings = SharedStrings::default();
    let (mut in_text, mut in_reading) = (false, false);
    walk_nodes(xml, limits, |node| {
        match node {
            Node::Open(element) => match element.local_name().as_ref() {
                "t" => in_text = !in_reading,
                "rPh" => in_reading = true,
                _ => {}
            },
            Node::Close("t") => in_text = false,
            Node::Close("rPh") => in_reading = false,
            Node::Close("si") => strings.end(),
            Node::Text(text) if in_text => strings.push_str(&text),
            _ => {}
        }
        Ok(())
    })?;
    Ok(strings)
}

fn read_sheet(
    package: &mut Package<'_>,
    part: &str,
    strings: &SharedStrings,
    styles: &NumberStyles,
    rows: &mut Rows<'_>,
) -> Result<(), ParseError> {
    let limits = package.limits();
    let xml = package
        .read(part)?
        .ok_or_else(|| malformed(format!("the archive has no `{part}`")))?;
    cells::read(&xml, limits, strings, styles, rows)?;
    let relations = Relations::of(package, part)?;
    for drawing_part in relations.of_kind("drawing") {
        let Some(xml) = package.read(drawing_part)? else {
            continue;
        };
        let mut drawing = Drawing::default();
        drawing.read(&xml, limits)?;
        for block in drawing.blocks {
            if block.role != Role::Furniture {
                rows.paragraph(&block.text);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::block::Document;
    use crate::error::ParseError;
    use crate::limits::Limits;
    use crate::parse::parse_bytes;
    use crate::parse::test_package::package;

    fn parse(sheet_data: &str, limits: &Limits) -> Result<Document, ParseError> {
        let sheet = format!("<worksheet><sheetData>{sheet_data}</sheetData></worksheet>");
        let bytes = package(&[
            (
                "xl/workbook.xml",
                "<workbook><sheets><sheet name=\"A &amp; B\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
            ),
            (
                "xl/_rels/workbook.xml.rels",
                "<Relationships><Relationship Id=\"rId1\" Type=\"x/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>",
            ),
            (
                "xl/styles.xml",
                "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"d/m/yy\\ h:mm\"/></numFmts>\
                 <cellStyleXfs><xf numFmtId=\"9\"/></cellStyleXfs>\
                 <cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"164\"/><xf numFmtId=\"9\"/></cellXfs></styleSheet>",
            ),
            (
                "xl/sharedStrings.xml",
                "<sst><si><t>plain</t></si><si><r><t>ri</t></r><r><t xml:space=\"preserve\">ch </t></r>\
                 <rPh><t>reading</t></rPh></si></sst>",
            ),
            ("xl/worksheets/sheet1.xml", &sheet),
        ]);
        let document = parse_bytes(&bytes, None, limits)?;
        document.check().unwrap();
        Ok(document)
    }

    #[test]
    fn cells_of_every_type_are_read() {
        let document = parse(
            "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c><c r=\"C1\" t=\"s\"><v>9</v></c></row>\
             <row r=\"2\"><c r=\"A2\"><v>0.30000000000000004</v></c><c r=\"B2\" s=\"1\"><v>45351</v></c>\
             <c r=\"C2\" s=\"2\"><f>NOW()</f><v>45351.5</v></c><c r=\"D2\" s=\"3\"><v>0.5</v></c></row>\
             <row r=\"3\"><c t=\"b\"><v>1</v></c><c t=\"e\"><v>#N/A</v></c><c t=\"str\"><f>A1</f><v>f &lt; g</v></c>\
             <c t=\"inlineStr\"><is><t>in</t><t>line</t></is></c><c r=\"F3\" t=\"d\"><v>2024-02-29T00:00:00</v></c></row>",
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(
            document.text,
            "A & B\n\nplain | rich\n0.3 | 2024-02-29 | 2024-02-29 12:00:00 | 50%\n\
             TRUE | #N/A | f < g | inline | | 2024-02-29"
        );
        assert_eq!(document.pages.len(), 1);
    }

    #[test]
    fn far_cells_and_broken_references_cost_nothing() {
        let document = parse(
            "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row><row r=\"1048576\"><c r=\"XFD1048576\"><v>2</v></c></row>\
             <row r=\"-5\"><c r=\"ZZZZ99999999999\"><v>3</v></c><c r=\"\"><v>x</v></c></row>",
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(document.text, "A & B\n\n1\n| 2\n3 | x");
    }

    #[test]
    fn one_text_in_many_cells_is_bounded() {
        let limits = Limits {
            max_text_bytes: 50,
            ..Limits::default()
        };
        let row = "<row><c t=\"s\"><v>0</v></c></row>".repeat(1000);
        let document = parse(&row, &limits).unwrap();
        assert_eq!(
            document.text,
            format!("A & B\n\n{}", ["plain"; 10].join("\n"))
        );
        assert_eq!(document.warnings.len(), 1);
    }
}
