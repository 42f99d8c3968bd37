//! Text in columns, aligned by the width it has on a terminal: a Chinese character takes two cells.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Cells between two columns.
const GAP: usize = 2;
/// A column is not made narrower than this.
const LEAST: usize = 8;

/// Rows under a header.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    columns: Vec<Column>,
}

/// A column's title and behaviour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    right: bool,
    shrinks: bool,
}

/// A column of text that is never cut: ids, states.
pub(crate) fn fixed(title: &'static str) -> Column {
    Column {
        title,
        right: false,
        shrinks: false,
    }
}

/// A column of text that is cut where the line would not fit.
pub(crate) fn text(title: &'static str) -> Column {
    Column {
        title,
        right: false,
        shrinks: true,
    }
}

/// A column of numbers.
pub(crate) fn number(title: &'static str) -> Column {
    Column {
        title,
        right: true,
        shrinks: false,
    }
}

impl Table {
    pub(crate) fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self {
            rows: Vec::new(),
            columns: columns.into(),
        }
    }

    /// Adds a row; missing cells are empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows
            .push(cells.into_iter().map(|cell| one_line(&cell)).collect());
    }

    /// Renders the table so that no line is wider than `width`, as far as the columns that may shrink allow.
    pub(crate) fn render(&self, width: usize) -> String {
        let widths = self.widths(width);
        let header: Vec<String> = self
            .columns
            .iter()
            .map(|column| column.title.to_owned())
            .collect();
        let mut text = String::new();
        for row in std::iter::once(&header).chain(&self.rows) {
            let mut line = String::new();
            for (index, (column, width)) in self.columns.iter().zip(&widths).enumerate() {
                let cell = cut(row.get(index).map_or("", String::as_str), *width);
                let padding = " ".repeat(width - cell.width());
                if index > 0 {
                    line.push_str(&" ".repeat(GAP));
                }
                if column.right {
                    line.push_str(&padding);
                    line.push_str(&cell);
                } else {
                    line.push_str(&cell);
                    line.push_str(&padding);
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// Starts with what every cell needs and takes cells from the widest shrinking column until the line fits.
    fn widths(&self, limit: usize) -> Vec<usize> {
        let needed = |(index, column): (usize, &Column)| {
            let cells = self
                .rows
                .iter()
                .filter_map(|row| row.get(index))
                .map(|cell| cell.width());
            cells.max().unwrap_or(0).max(column.title.width())
        };
        let mut widths: Vec<usize> = self.columns.iter().enumerate().map(needed).collect();
        let gaps = GAP * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > limit {
            let shrinkable = |(index, width): &(usize, &mut usize)| {
                self.columns[*index].shrinks && **width > LEAST
            };
            let widest = widths
                .iter_mut()
                .enumerate()
                .filter(shrinkable)
                .max_by_key(|(_, width)| **width);
            match widest {
                Some((_, width)) => *width -= 1,
                None => break,
            }
        }
        widths
    }
}

/// Makes one line of a text: line breaks and runs of space become one space, control characters go.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .join(" ")
        .chars()
        .filter(|character| !character.is_control())
        .collect()
}

/// Cuts a text to `width` cells; `…` tells that something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept
}

/// Breaks a text into lines of at most `width` cells: at spaces, and between Chinese characters.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for piece in pieces(text) {
        let size = piece.width();
        if used > 0 && used + piece.trim_end().width() > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(&piece);
        }
        used += size;
    }
    lines
        .into_iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// Words with the space after them; each wide character by itself.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut word = String::new();
    for character in text.chars() {
        let wide = character.width().unwrap_or(0) > 1;
        if wide && !word.is_empty() {
            pieces.push(std::mem::take(&mut word));
        }
        word.push(character);
        if wide || character == ' ' {
            pieces.push(std::mem::take(&mut word));
        }
    }
    pieces.push(word);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new([fixed("ID"), text("TITLE"), number("CHUNKS")]);
        table.row([
            "1".to_owned(),
            "company overview.md".to_owned(),
            "12".to_owned(),
        ]);
        table.row([
            "2".to_owned(),
            "北极光风电场\n事故调查报告".to_owned(),
            "1204".to_owned(),
        ]);
        table
    }

    #[test]
    fn columns_align_by_display_width() {
        insta::assert_snapshot!(sample().render(80));
        insta::assert_snapshot!(sample().render(30));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 26..80 {
            for line in sample().render(width).lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn a_cut_text_keeps_its_width_and_says_so() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("事故调查", 6), "事故…");
        assert_eq!(cut("事故调查", 7), "事故调…");
    }

    #[test]
    fn wrapping_keeps_every_word() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("事故调查报告", 6), ["事故调", "查报告"]);
    }
}
