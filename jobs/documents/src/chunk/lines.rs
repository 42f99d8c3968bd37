//! Where to cut source code: at the line that most likely begins something new.

/// Columns to the next stop of a tab.
const TAB_WIDTH: usize = 4;

/// Returns the best of some line starts: the least indented line behind an empty one; without those the least indented
/// line; of equals the nearest to `aim`. A line that only closes a bracket begins nothing.
pub(super) fn best_line(text: &str, lines: &[usize], aim: usize) -> Option<usize> {
    let worth = |&at: &usize| {
        let line = line_at(text, at);
        let after_empty = is_empty_before(text, at);
        let closes = line.trim_start().starts_with([')', ']', '}']);
        (closes, !after_empty, indentation(line), at.abs_diff(aim))
    };
    lines
        .iter()
        .filter(|&&at| !line_at(text, at).trim().is_empty())
        .min_by_key(|at| worth(at))
        .copied()
}

fn line_at(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
    &rest[..end]
}

/// Whether the line before the one that begins at `at` is empty or blank.
fn is_empty_before(text: &str, at: usize) -> bool {
    let before = text[..at].strip_suffix('\n').unwrap_or_default();
    let start = memchr::memrchr(b'\n', before.as_bytes()).map_or(0, |newline| newline + 1);
    before[start..].trim().is_empty()
}

fn indentation(line: &str) -> usize {
    line.bytes()
        .map_while(|byte| match byte {
            b' ' => Some(1),
            b'\t' => Some(TAB_WIDTH),
            _ => None,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_begin_chunks_and_brackets_do_not() {
        let text = "fn a() {\n    one();\n\n    two();\n}\n\nfn b() {\n    three();\n}\n";
        let lines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        let best = |lines: &[usize]| best_line(text, lines, 0).map(|at| line_at(text, at));
        assert_eq!(best(&lines), Some("fn b() {"));
        assert_eq!(best(&lines[..3]), Some("    two();"));
        assert_eq!(best(&lines[3..4]), Some("}"));
        assert_eq!(best(&[]), None);
    }
}
