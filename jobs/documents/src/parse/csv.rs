//! Tables of separated values: a line a row, cells joined by ` | `, in blocks of bounded size.

use crate::block::BlockKind;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;

/// Delimiters, the likelier first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Rows from which the delimiter is told.
const SNIFF_ROWS: usize = 50;
const SNIFF_BYTES: usize = 64 << 10;
/// A block ends after the row that reaches this size: small enough for a chunk or two.
const BLOCK_BYTES: usize = 2048;

/// Pushes the rows of `text`.
pub(super) fn parse(text: &str, limits: &Limits, builder: &mut DocumentBuilder) {
    // An odd quote somewhere would swallow the rest of the table into one cell: then quotes are letters.
    let quoting = memchr::memchr_iter(b'"', text.as_bytes())
        .count()
        .is_multiple_of(2);
    let mut reader = reader(text, sniff_delimiter(text, quoting), quoting);
    let mut record = csv::ByteRecord::new();
    let mut block = String::new();
    let mut cells = 0;
    // Text is valid UTF-8 and rows may be ragged, so the reader has nothing to fail on.
    while let Ok(true) = reader.read_byte_record(&mut record) {
        cells += record.len();
        if cells > limits.max_cells {
            builder.warn(format!("stopped after {} cells", limits.max_cells));
            break;
        }
        push_row(&mut block, &record);
        if block.len() >= BLOCK_BYTES {
            builder.push(BlockKind::Table, &block);
            block.clear();
        }
    }
    builder.push(BlockKind::Table, &block);
}

fn reader(text: &str, delimiter: u8, quoting: bool) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(false)
        .quoting(quoting)
        .from_reader(text.as_bytes())
}

fn push_row(block: &mut String, record: &csv::ByteRecord) {
    if record.iter().all(<[u8]>::is_empty) {
        return;
    }
    if !block.is_empty() {
        block.push('\n');
    }
    for (index, cell) in record.iter().enumerate() {
        if index > 0 {
            block.push_str(" | ");
        }
        // A row is a line: breaks within a cell become blanks.
        for part in String::from_utf8_lossy(cell).split(['\r', '\n']) {
            block.push_str(part);
            block.push(' ');
        }
        block.pop();
    }
}

/// Finds the delimiter that cuts the most rows into the same number of cells, at least two.
fn sniff_delimiter(text: &str, quoting: bool) -> u8 {
    let sample = &text[..text.floor_char_boundary(SNIFF_BYTES)];
    let score = |delimiter: u8| {
        let mut widths = Vec::new();
        let mut rows = reader(sample, delimiter, quoting);
        let mut record = csv::ByteRecord::new();
        while widths.len() < SNIFF_ROWS && matches!(rows.read_byte_record(&mut record), Ok(true)) {
            widths.push(record.len());
        }
        widths.sort_unstable();
        let median = widths.get(widths.len() / 2).copied().unwrap_or(0);
        let regular = widths.iter().filter(|&&width| width == median).count();
        if median < 2 {
            0
        } else {
            regular * 1000 / widths.len() + median.min(50)
        }
    };
    // `max_by_key` takes the last of equals, and the likelier comes first.
    DELIMITERS
        .into_iter()
        .rev()
        .max_by_key(|&delimiter| score(delimiter))
        .unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use crate::limits::Limits;
    use crate::parse::parse_bytes;

    fn text(csv: &str) -> String {
        let document = parse_bytes(csv.as_bytes(), Some("csv"), &Limits::default()).unwrap();
        document.check().unwrap();
        document.text
    }

    #[test]
    fn dialects_are_told_apart() {
        for csv in [
            "a,b\n\"x, y\",1\n",
            "a;b\n\"x, y\";1\n",
            "a\tb\nx, y\t1\n",
            "a|b\nx, y|1\n",
        ] {
            assert_eq!(text(csv), "a | b\nx, y | 1");
        }
    }

    #[test]
    fn quotes_breaks_and_ragged_rows_are_read() {
        assert_eq!(
            text("\u{FEFF}a,b,c\n\"1\n2\",\"say \"\"hi\"\"\"\n,,\n"),
            "a | b | c\n1 2 | say \"hi\""
        );
        assert_eq!(text("single\ncolumn\n"), "single\ncolumn");
        assert_eq!(text("a,b\n\"open,1\nx,2\n"), "a | b\n\"open | 1\nx | 2");
    }

    #[test]
    fn long_tables_are_cut_between_rows() {
        let rows: Vec<_> = (0..1000)
            .map(|row| format!("{row},name {row},city\n"))
            .collect();
        let csv = rows.concat();
        let document = parse_bytes(csv.as_bytes(), Some("csv"), &Limits::default()).unwrap();
        assert!(document.blocks.len() > 5);
        assert_eq!(document.text.lines().count(), 1000);
    }

    #[test]
    fn cells_beyond_the_limit_are_left_out_with_a_warning() {
        let limits = Limits {
            max_cells: 4,
            ..Limits::default()
        };
        let document = parse_bytes(b"1,2\n3,4\n5,6\n", Some("csv"), &limits).unwrap();
        assert_eq!(document.text, "1 | 2\n3 | 4");
        assert_eq!(document.warnings, ["stopped after 4 cells"]);
    }
}
