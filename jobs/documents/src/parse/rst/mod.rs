//! reStructuredText, as docutils and Sphinx read it, without what needs other files.
//!
//! The text is what a reader sees: targets, comments and options of directives go, and so does inline markup
//! ([`inline`]). Underlines of sections become levels in the order in which they are first met. Blocks nest by
//! indentation, so the reader goes down a level with the lines of the inner block, cut by their margin.

mod directive;
mod inline;
mod table;

use std::collections::HashMap;

use unicode_width::UnicodeWidthStr as _;

use crate::block::BlockKind;
use crate::normalise::{DocumentBuilder, join_lines};

/// Deeper blocks are paragraphs; nobody writes so, and each level costs stack.
const MAX_DEPTH: usize = 40;
const TAB_COLUMNS: usize = 8;

/// Pushes the blocks of `text`.
pub(super) fn parse(text: &str, builder: &mut DocumentBuilder) {
    let expanded: Vec<String> = text.lines().map(expand_tabs).collect();
    let lines: Vec<&str> = expanded.iter().map(|line| line.trim_end()).collect();
    let mut reader = Reader {
        builder,
        styles: Vec::new(),
        substitutions: substitutions(&lines),
    };
    reader.blocks(&lines, BlockKind::Paragraph, 0);
}

struct Reader<'a> {
    builder: &'a mut DocumentBuilder,
    /// Underlines of sections, outermost first: their character, and whether there is an overline.
    styles: Vec<(u8, bool)>,
    substitutions: HashMap<String, String>,
}

impl Reader<'_> {
    /// Reads blocks whose margin is at column 0. Text that is nothing else becomes `kind`.
    fn blocks(&mut self, lines: &[&str], kind: BlockKind, depth: usize) {
        if depth > MAX_DEPTH {
            return self.push(kind, &join_lines(lines.iter().copied()));
        }
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            at = if line.is_empty() {
                at + 1
            } else if line.starts_with(' ') {
                let end = end_of_indented(lines, at, 1);
                let inner = if kind == BlockKind::Paragraph {
                    BlockKind::Quote
                } else {
                    kind
                };
                self.blocks(&dedented(&lines[at..end]), inner, depth + 1);
                end
            } else {
                self.block(lines, at, kind, depth)
            };
        }
    }

    /// Reads the block that begins at line `at`, in column 0; returns the line after it.
    fn block(&mut self, lines: &[&str], at: usize, kind: BlockKind, depth: usize) -> usize {
        let line = lines[at];
        if depth == 0
            && let Some(end) = self.section(lines, at)
        {
            return end;
        }
        if line == ".." || line.starts_with(".. ") {
            return self.explicit(lines, at, kind, depth);
        }
        if line.starts_with("__ ") || line == "__" {
            return at + 1;
        }
        if table::is_grid_border(line) || table::is_simple_border(line) {
            return self.table(lines, at);
        }
        if uniform(line).is_some() && line.len() >= 4 {
            return at + 1;
        }
        if line.starts_with(">>>") {
            let end = end_of_paragraph(lines, at);
            self.builder
                .push(BlockKind::Code, &lines[at..end].join("\n"));
            return end;
        }
        if line.starts_with("| ") {
            return self.line_block(lines, at, kind);
        }
        if let Some(width) = item_width(lines, at) {
            let end = end_of_indented(lines, at + 1, width.min(3));
            let item = with_first(line[width..].trim_start(), &lines[at + 1..end]);
            self.blocks(&item, BlockKind::ListItem, depth + 1);
            return end;
        }
        if let Some((name, value)) = field(line) {
            let end = end_of_indented(lines, at + 1, 1);
            let first = format!("{name}: {value}");
            let item = with_first(&first, &lines[at + 1..end]);
            self.blocks(&item, kind, depth + 1);
            return end;
        }
        if lines.get(at + 1).is_some_and(|next| next.starts_with(' ')) && !line.ends_with("::") {
            // A term and its definition.
            let end = end_of_indented(lines, at + 1, 1);
            self.push(BlockKind::ListItem, line);
            let inner = dedented(&lines[at + 1..end]);
            self.blocks(&inner, BlockKind::ListItem, depth + 1);
            return end;
        }
        self.paragraph(lines, at, kind)
    }

    /// Reads a paragraph, and the literal block that its end announces.
    fn paragraph(&mut self, lines: &[&str], at: usize, kind: BlockKind) -> usize {
        let mut end = at + 1;
        while lines
            .get(end)
            .is_some_and(|line| !line.is_empty() && !line.starts_with(' '))
        {
            end += 1;
        }
        let text = join_lines(lines[at..end].iter().copied());
        let Some(announcing) = text.strip_suffix("::") else {
            self.push(kind, &text);
            return end;
        };
        let told = announcing.trim_end();
        if told.len() < announcing.len() || told.is_empty() {
            self.push(kind, told);
        } else {
            self.push(kind, &format!("{told}:"));
        }
        let start = skip_blank(lines, end);
        let end = end_of_indented(lines, start, 1);
        self.builder
            .push(BlockKind::Code, &dedented(&lines[start..end]).join("\n"));
        end
    }

    fn line_block(&mut self, lines: &[&str], at: usize, kind: BlockKind) -> usize {
        let mut end = at;
        while lines
            .get(end)
            .is_some_and(|line| line.starts_with('|') || (end > at && line.starts_with(' ')))
        {
            end += 1;
        }
        let verses: Vec<String> = lines[at..end]
            .iter()
            .map(|line| self.inline(line.trim_start_matches(['|', ' '])))
            .collect();
        self.builder.push(kind, &verses.join("\n"));
        end
    }

    fn table(&mut self, lines: &[&str], at: usize) -> usize {
        let (rows, end) = table::read(lines, at);
        for row in rows {
            let cells: Vec<String> = row.iter().map(|cell| self.inline(cell)).collect();
            self.builder.push(BlockKind::Table, &cells.join(" | "));
        }
        end
    }

    /// Reads a section's title with its underline, and overline if it has one; returns the line after it.
    fn section(&mut self, lines: &[&str], at: usize) -> Option<usize> {
        let (title, mark, overlined, end) = if let Some(mark) = uniform(lines[at]) {
            let (title, below) = (lines.get(at + 1)?, lines.get(at + 2)?);
            let closed = uniform(below) == Some(mark) && lines[at].len() >= 2;
            if title.is_empty() || !closed || uniform(title).is_some() {
                return None;
            }
            (title.trim(), mark, true, at + 3)
        } else {
            let below = lines.get(at + 1)?;
            let long_enough = below.len() >= 4 || below.len() >= lines[at].width();
            let mark = uniform(below).filter(|_| long_enough)?;
            (lines[at], mark, false, at + 2)
        };
        let style = (mark, overlined);
        let level = self.styles.iter().position(|known| *known == style);
        let level = level.unwrap_or_else(|| {
            self.styles.push(style);
            self.styles.len() - 1
        });
        let title = self.inline(title);
        if level == 0 {
            self.builder.set_title(&title);
        }
        self.builder
            .push(BlockKind::Heading(level.min(8) as u8 + 1), &title);
        Some(end)
    }

    /// Reads what begins with two dots: a directive, a footnote; targets, substitutions and comments are passed over.
    fn explicit(&mut self, lines: &[&str], at: usize, kind: BlockKind, depth: usize) -> usize {
        let rest = lines[at].get(3..).unwrap_or_default().trim_start();
        // An empty comment ends at its line.
        if rest.is_empty() && lines.get(at + 1).is_none_or(|next| next.is_empty()) {
            return at + 1;
        }
        let end = end_of_indented(lines, at + 1, 1);
        let body = &lines[at + 1..end];
        if let Some((label, text)) = rest
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("] "))
        {
            let first = format!("[{}] {text}", label.trim_start_matches('#'));
            self.blocks(&with_first(&first, body), kind, depth + 1);
        } else if !rest.starts_with(['_', '|'])
            && let Some((name, arguments)) = rest.split_once("::")
            && directive::is_name(name)
        {
            self.directive(name, arguments.trim(), body, kind, depth);
        }
        end
    }

    /// Pushes text with inline markup.
    fn push(&mut self, kind: BlockKind, text: &str) {
        let text = self.inline(text);
        self.builder.push(kind, &text);
    }
}

fn expand_tabs(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut column = 0;
    for character in line.chars() {
        if character == '\t' {
            let blanks = TAB_COLUMNS - column % TAB_COLUMNS;
            out.extend(std::iter::repeat_n(' ', blanks));
            column += blanks;
        } else {
            out.push(character);
            column += 1;
        }
    }
    out
}

/// Collects `.. |name| replace:: text`.
fn substitutions(lines: &[&str]) -> HashMap<String, String> {
    lines
        .iter()
        .filter_map(|line| {
            let (name, rest) = line.trim_start().strip_prefix(".. |")?.split_once('|')?;
            let text = rest.trim_start().strip_prefix("replace::")?;
            Some((name.to_owned(), text.trim().to_owned()))
        })
        .collect()
}

/// Tells the character of a line that is a run of one mark.
fn uniform(line: &str) -> Option<u8> {
    let first = *line.as_bytes().first()?;
    (first.is_ascii_punctuation() && line.bytes().all(|byte| byte == first)).then_some(first)
}

fn skip_blank(lines: &[&str], mut at: usize) -> usize {
    while lines.get(at).is_some_and(|line| line.is_empty()) {
        at += 1;
    }
    at
}

fn end_of_paragraph(lines: &[&str], mut at: usize) -> usize {
    while lines.get(at).is_some_and(|line| !line.is_empty()) {
        at += 1;
    }
    at
}

fn margin(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Returns the end of the lines from `at` on that are blank or have a margin of `columns` at least.
fn end_of_indented(lines: &[&str], at: usize, columns: usize) -> usize {
    let mut end = at;
    for (index, line) in lines.iter().enumerate().skip(at) {
        if line.is_empty() {
            continue;
        }
        if margin(line) < columns {
            break;
        }
        end = index + 1;
    }
    end
}

/// Cuts off the margin that all lines share.
fn dedented<'l>(lines: &[&'l str]) -> Vec<&'l str> {
    let shared = lines
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| margin(line))
        .min()
        .unwrap_or(0);
    lines
        .iter()
        .map(|line| line.get(shared..).unwrap_or_default())
        .collect()
}

/// Puts the rest of an item's first line before its other lines.
fn with_first<'l>(first: &'l str, rest: &[&'l str]) -> Vec<&'l str> {
    let mut lines = vec![first];
    lines.extend(dedented(rest));
    lines
}

/// Returns the width of a bullet or an enumerator with the blank behind it.
fn item_width(lines: &[&str], at: usize) -> Option<usize> {
    let line = lines[at];
    let marker = line.split(' ').next()?;
    let is_bullet = matches!(marker, "-" | "*" | "+" | "•" | "‣" | "⁃");
    if !is_bullet && !is_enumerator(marker) {
        return None;
    }
    // A paragraph may begin with a number, and its second line is no part of an item.
    let next = lines.get(at + 1).copied().unwrap_or_default();
    let goes_on = !next.is_empty()
        && !next.starts_with(' ')
        && !next
            .split(' ')
            .next()
            .is_some_and(|next| next == marker || is_enumerator(next));
    (is_bullet || !goes_on).then(|| line.len().min(marker.len() + 1))
}

/// `1.`, `a)`, `(iv)`, `#.`
fn is_enumerator(marker: &str) -> bool {
    let Some(number) = marker.strip_suffix(['.', ')']) else {
        return false;
    };
    let number = number.strip_prefix('(').unwrap_or(number);
    let roman = number.len() <= 6 && number.bytes().all(|byte| b"ivxlcIVXLC".contains(&byte));
    number == "#"
        || (!number.is_empty()
            && number.len() <= 4
            && number.bytes().all(|byte| byte.is_ascii_digit()))
        || (number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_alphabetic()))
        || (!number.is_empty() && roman)
}

/// Reads `:name: value`.
fn field(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix(':')?;
    let (name, value) = rest
        .split_once(": ")
        .or_else(|| Some((rest.strip_suffix(':')?, "")))?;
    let is_name = !name.is_empty() && !name.starts_with(' ') && !name.contains(['`', ':']);
    is_name.then_some((name, value.trim()))
}

#[cfg(test)]
mod tests;
