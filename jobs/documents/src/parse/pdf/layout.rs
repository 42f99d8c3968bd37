//! From the lines of a page to its blocks.

use crate::block::BlockKind;
use crate::normalise::{DocumentBuilder, is_cjk, join_lines};

/// Columns of a table are set apart by at least this many blanks.
const COLUMN_GAP: &str = "   ";
/// A line that ends a sentence and is shorter than this share of the longest line ends its paragraph.
const SHORT_LINE: f64 = 0.75;

/// Pushes the blocks of one page. A paragraph that goes on over a page is two blocks: each block has one page.
///
/// `heading` tells the level of the line with an index, if it is one.
pub(super) fn push_page(
    lines: &[String],
    heading: impl Fn(usize) -> Option<u8>,
    builder: &mut DocumentBuilder,
) {
    let mut open = Open {
        kind: BlockKind::Paragraph,
        lines: Vec::new(),
    };
    let longest = lines
        .iter()
        .map(|line| columns(line.trim()))
        .max()
        .unwrap_or(0);
    for (index, line) in lines.iter().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            open.flush(builder);
        } else if let Some(level) = heading(index) {
            open.flush(builder);
            builder.push(BlockKind::Heading(level), line);
        } else {
            let kind = if line.contains(COLUMN_GAP) {
                BlockKind::Table
            } else if starts_item(line) {
                BlockKind::ListItem
            } else {
                BlockKind::Paragraph
            };
            open.add(kind, line, builder);
            if kind != BlockKind::Table
                && ends_sentence(line)
                && (columns(line) as f64) < SHORT_LINE * longest as f64
            {
                open.flush(builder);
            }
        }
    }
    open.flush(builder);
}

/// The block that takes the next line.
struct Open<'a> {
    kind: BlockKind,
    lines: Vec<&'a str>,
}

impl<'a> Open<'a> {
    fn add(&mut self, kind: BlockKind, line: &'a str, builder: &mut DocumentBuilder) {
        // An item goes on in lines that look like a paragraph.
        let goes_on = kind == self.kind && kind != BlockKind::ListItem
            || (kind == BlockKind::Paragraph && self.kind == BlockKind::ListItem);
        if !goes_on {
            self.flush(builder);
            self.kind = kind;
        }
        self.lines.push(line);
    }

    fn flush(&mut self, builder: &mut DocumentBuilder) {
        let lines = std::mem::take(&mut self.lines);
        let kind = std::mem::replace(&mut self.kind, BlockKind::Paragraph);
        if kind == BlockKind::Table {
            let rows: Vec<String> = lines.into_iter().map(row).collect();
            builder.push(kind, &rows.join("\n"));
        } else {
            builder.push(kind, &join_lines(lines));
        }
    }
}

fn row(line: &str) -> String {
    let cells: Vec<&str> = line
        .split(COLUMN_GAP)
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect();
    cells.join(" | ")
}

fn starts_item(line: &str) -> bool {
    line.starts_with(['•', '◦', '▪', '‣', '●', '○', '■', '–'])
        || line.starts_with("- ")
        || line.starts_with("* ")
}

fn ends_sentence(line: &str) -> bool {
    line.ends_with(['.', '!', '?', ':', '。', '！', '？', '：', '”', '」'])
}

/// Width in columns: Han characters are two wide.
fn columns(line: &str) -> usize {
    line.chars()
        .map(|character| if is_cjk(character) { 2 } else { 1 })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::FileType;

    fn blocks(text: &str) -> Vec<(BlockKind, String)> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut builder = DocumentBuilder::new(FileType::Pdf);
        builder.begin_page(1);
        push_page(&lines, |_| None, &mut builder);
        let document = builder.finish();
        document.check().unwrap();
        document
            .blocks
            .iter()
            .map(|block| (block.kind, document.text[block.start..block.end].to_owned()))
            .collect()
    }

    #[test]
    fn lines_become_paragraphs_items_and_tables() {
        let page = "The first paragraph is broken over sev-\neral lines and ends\nearly.\nThe next one begins here without a gap\n\
                    • item one\ngoes on\n• item two\n\nName     Size\nalpha    1\n";
        let expected = [
            (
                BlockKind::Paragraph,
                "The first paragraph is broken over several lines and ends early.",
            ),
            (
                BlockKind::Paragraph,
                "The next one begins here without a gap",
            ),
            (BlockKind::ListItem, "• item one goes on"),
            (BlockKind::ListItem, "• item two"),
            (BlockKind::Table, "Name | Size\nalpha | 1"),
        ];
        let found = blocks(page);
        assert_eq!(
            found
                .iter()
                .map(|(kind, text)| (*kind, text.as_str()))
                .collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn chinese_lines_are_joined_without_blanks() {
        assert_eq!(
            blocks("知识图谱由实体\n和关系组成。")[0].1,
            "知识图谱由实体和关系组成。"
        );
    }
}
