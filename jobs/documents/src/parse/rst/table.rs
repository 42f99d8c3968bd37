//! Tables drawn with characters: grids, and simple ones between double lines.

use unicode_width::UnicodeWidthChar as _;

/// How far the last border of a simple table is looked for: each first border looks.
const MAX_SIMPLE_LINES: usize = 2000;

/// `+---+---+`
pub(super) fn is_grid_border(line: &str) -> bool {
    line.len() >= 3
        && line.starts_with('+')
        && line.ends_with('+')
        && line.bytes().all(|byte| matches!(byte, b'+' | b'-' | b'='))
}

/// `====  ====`
pub(super) fn is_simple_border(line: &str) -> bool {
    line.starts_with('=')
        && line.contains(" =")
        && line.bytes().all(|byte| matches!(byte, b'=' | b' '))
}

/// Reads the table that begins at line `at`: its rows of cells, and the line after it.
pub(super) fn read(lines: &[&str], at: usize) -> (Vec<Vec<String>>, usize) {
    if is_grid_border(lines[at]) {
        let length = lines[at..]
            .iter()
            .take_while(|line| line.starts_with(['+', '|']))
            .count();
        (grid(&lines[at..at + length]), at + length)
    } else {
        let end = end_of_simple(lines, at);
        (simple(&lines[at..end]), end)
    }
}

/// Rows are what is between two borders; a cell is the lines below each other in one column.
fn grid(lines: &[&str]) -> Vec<Vec<String>> {
    let starts: Vec<usize> = lines[0]
        .bytes()
        .enumerate()
        .filter(|(_, byte)| *byte == b'+')
        .map(|(at, _)| at + 1)
        .collect();
    let mut rows = Vec::new();
    let mut row: Vec<String> = Vec::new();
    for line in lines {
        if is_grid_border(line) {
            finish(&mut row, &mut rows);
            continue;
        }
        for (column, piece) in cut(line, &starts).into_iter().enumerate() {
            // The border of a cell beside one that goes on is a piece of line.
            let piece = piece.trim().trim_matches(['|', '+']);
            if !piece
                .bytes()
                .all(|byte| matches!(byte, b'-' | b'=' | b'+' | b' '))
            {
                extend(&mut row, column, piece);
            }
        }
    }
    finish(&mut row, &mut rows);
    rows
}

/// A line with something in its first column begins a row; others go on with the row above.
fn simple(lines: &[&str]) -> Vec<Vec<String>> {
    let border = lines[0];
    let starts: Vec<usize> = border
        .bytes()
        .enumerate()
        .filter(|&(at, byte)| byte == b'=' && (at == 0 || border.as_bytes()[at - 1] == b' '))
        .map(|(at, _)| at)
        .collect();
    let mut rows = Vec::new();
    let mut row: Vec<String> = Vec::new();
    for line in lines {
        let is_rule = line.bytes().all(|byte| matches!(byte, b'=' | b'-' | b' '));
        let pieces = if is_rule {
            Vec::new()
        } else {
            cut(line, &starts)
        };
        if pieces.first().is_none_or(|first| !first.trim().is_empty()) {
            finish(&mut row, &mut rows);
        }
        for (column, piece) in pieces.into_iter().enumerate() {
            extend(&mut row, column, piece);
        }
    }
    finish(&mut row, &mut rows);
    rows
}

/// The last border has nothing or a blank line behind it; a table without one ends at the first blank line.
fn end_of_simple(lines: &[&str], at: usize) -> usize {
    let is_blank = |index: usize| lines.get(index).is_none_or(|line| line.is_empty());
    let mut paragraph_end = None;
    let within = lines.iter().enumerate().skip(at + 1);
    for (index, line) in within.take(MAX_SIMPLE_LINES) {
        if is_simple_border(line) && is_blank(index + 1) {
            return index + 1;
        }
        if line.is_empty() {
            paragraph_end.get_or_insert(index);
            // Within a table a blank line separates rows; two of them are not of it.
            if is_blank(index + 1) {
                break;
            }
        }
    }
    paragraph_end.unwrap_or_else(|| lines.len().min(at + MAX_SIMPLE_LINES))
}

/// Cuts a line at columns of the screen; pieces beyond the end of the line are left out.
fn cut<'l>(line: &'l str, starts: &[usize]) -> Vec<&'l str> {
    let mut pieces = Vec::new();
    let mut bounds = starts.iter().copied().peekable();
    let (mut column, mut from) = (0, None);
    for (at, character) in line.char_indices() {
        if bounds.next_if(|&bound| column >= bound).is_some() {
            if let Some(from) = from {
                pieces.push(&line[from..at]);
            }
            from = Some(at);
        }
        column += character.width().unwrap_or(0);
    }
    pieces.extend(from.map(|from| &line[from..]));
    pieces
}

fn extend(row: &mut Vec<String>, column: usize, piece: &str) {
    let piece = piece.trim();
    while row.len() <= column {
        row.push(String::new());
    }
    if !piece.is_empty()
        && let Some(cell) = row.get_mut(column)
    {
        if !cell.is_empty() {
            cell.push(' ');
        }
        cell.push_str(piece);
    }
}

fn finish(row: &mut Vec<String>, rows: &mut Vec<Vec<String>>) {
    let row = std::mem::take(row);
    if row.iter().any(|cell| !cell.is_empty()) {
        rows.push(row);
    }
}
