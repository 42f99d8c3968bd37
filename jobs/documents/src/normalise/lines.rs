//! From lines to paragraphs, for formats that break lines to fit a page.

use unicode_width::UnicodeWidthChar as _;

use super::is_cjk;

/// A paragraph whose longest line is narrower than this many columns was broken on purpose.
const MIN_WRAP_COLUMNS: usize = 40;
/// In wrapped text every line but the last reaches this share of the longest.
const MIN_FILL: f64 = 0.6;

/// Joins broken lines: with a space, without one between Han characters, and with a word that a hyphen split.
pub(crate) fn join_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let mut joined = String::new();
    for line in lines {
        let line = line.trim();
        let (Some(last), Some(first)) = (joined.chars().next_back(), line.chars().next()) else {
            joined.push_str(line);
            continue;
        };
        if ends_in_split_word(&joined) && first.is_lowercase() {
            joined.pop();
        } else if !(is_cjk(last) && is_cjk(first)) {
            joined.push(' ');
        }
        joined.push_str(line);
    }
    joined
}

/// Tells whether the text ends in a letter and a hyphen.
fn ends_in_split_word(text: &str) -> bool {
    let mut last = text.chars().rev();
    matches!(last.next(), Some('-' | '\u{2010}' | '\u{AD}'))
        && last.next().is_some_and(char::is_lowercase)
}

/// Cuts a text at blank lines. Paragraphs that were wrapped to a width are joined to one line; others keep theirs.
pub(crate) fn paragraphs(text: &str) -> impl Iterator<Item = String> {
    let mut lines = text.lines();
    std::iter::from_fn(move || {
        let mut paragraph = Vec::new();
        for line in lines.by_ref() {
            if !line.trim().is_empty() {
                paragraph.push(line);
            } else if !paragraph.is_empty() {
                break;
            }
        }
        if paragraph.is_empty() {
            None
        } else if is_wrapped(&paragraph) {
            Some(join_lines(paragraph))
        } else {
            Some(paragraph.join("\n"))
        }
    })
}

fn is_wrapped(lines: &[&str]) -> bool {
    let Some((last, full)) = lines.split_last() else {
        return false;
    };
    if full.is_empty() || starts_item(last) {
        return false;
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    let body = indent(last);
    let widths: Vec<usize> = lines.iter().map(|line| columns(line)).collect();
    let longest = widths.iter().copied().max().unwrap_or(0);
    let filled = widths[..full.len()]
        .iter()
        .all(|&width| width as f64 >= MIN_FILL * longest as f64);
    // The first line may be indented, or hang out; the others line up.
    let aligned = full[1..]
        .iter()
        .all(|line| indent(line) == body && !starts_item(line));
    longest >= MIN_WRAP_COLUMNS && filled && aligned
}

/// Tells whether a line opens an item of a list, or a row of a table drawn in text.
fn starts_item(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with(['|', '+', '•', '·', '#', '>'])
        || line.starts_with("- ")
        || line.starts_with("* ")
}

fn columns(line: &str) -> usize {
    line.chars()
        .map(|character| character.width().unwrap_or(0))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_as_their_script_wants() {
        assert_eq!(
            join_lines(["the quick", "brown fox"]),
            "the quick brown fox"
        );
        assert_eq!(join_lines(["知识", "图谱"]), "知识图谱");
        assert_eq!(join_lines(["使用", "Rust"]), "使用 Rust");
        assert_eq!(join_lines(["docu-", "ment"]), "document");
        assert_eq!(
            join_lines(["Jean-", "Luc, 2020-", "2021"]),
            "Jean- Luc, 2020- 2021"
        );
        assert_eq!(join_lines(["", "a", "", "b"]), "a b");
    }

    #[test]
    fn wrapped_paragraphs_are_joined_and_others_keep_their_lines() {
        let text = "A paragraph that was wrapped at some sixty columns goes on\n\
                    in a second line and ends in a\n\
                    third.\n\nname: x\nsize: 1\n";
        let found: Vec<String> = paragraphs(text).collect();
        assert_eq!(found.len(), 2);
        assert!(!found[0].contains('\n') || found[0].lines().count() == 3);
        assert_eq!(found[1], "name: x\nsize: 1");
    }

    #[test]
    fn code_keeps_its_lines() {
        let text = "fn main() {\n    let answer = compute_the_answer_to_everything(42);\n    print(answer);\n}";
        assert_eq!(paragraphs(text).collect::<Vec<_>>(), [text]);
    }
}
