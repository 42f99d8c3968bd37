//! One form for all text: NFC, `\n`, no controls, no runs of blanks.
//!
//! Compatibility characters (full-width letters, ligatures of one's own choice) stay: the text is shown to people.
//! Folding them is the business of search.

mod builder;
pub(crate) mod language;
mod lines;
mod repeated;

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

pub(crate) use builder::DocumentBuilder;
pub(crate) use lines::{join_lines, paragraphs};
pub(crate) use repeated::drop_repeated_lines;

/// Normalises running text: blanks collapse to one space, lines are trimmed, empty lines go.
///
/// A `\n` that is left is a break on purpose.
pub(crate) fn flowing(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut blank = false;
    let mut line_break = false;
    for character in raw.chars() {
        match classify(character) {
            Class::Break => line_break = true,
            Class::Blank => blank = true,
            Class::Dropped => {}
            Class::Kept => {
                if !out.is_empty() {
                    if line_break {
                        out.push('\n');
                    } else if blank {
                        out.push(' ');
                    }
                }
                blank = false;
                line_break = false;
                out.push(character);
            }
        }
    }
    to_nfc(out)
}

/// Normalises preformatted text: blanks stay where they carry layout, only those at the end of a line go.
pub(crate) fn preformatted(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut previous = '\0';
    for character in raw.chars() {
        match classify(character) {
            Class::Break => {
                // CRLF is one break.
                if !(previous == '\r' && character == '\n') {
                    out.truncate(out.trim_end_matches([' ', '\t']).len());
                    out.push('\n');
                }
            }
            Class::Blank => out.push(if character == '\t' { '\t' } else { ' ' }),
            Class::Dropped => {}
            Class::Kept => out.push(character),
        }
        previous = character;
    }
    let lines_start = out.find(|c: char| c != '\n').unwrap_or(out.len());
    out.truncate(out.trim_end().len().max(lines_start));
    to_nfc(out.split_off(lines_start))
}

enum Class {
    Break,
    Blank,
    Dropped,
    Kept,
}

fn classify(character: char) -> Class {
    match character {
        '\n' | '\r' | '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Class::Break,
        // Invisible: controls, soft hyphen, zero-width space, byte order mark, noncharacters, and the bidi
        // controls that make a text read otherwise than it is stored. The joiners stay: they spell words.
        '\u{AD}'
        | '\u{200B}'
        | '\u{2060}'
        | '\u{FEFF}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}'
        | '\u{FFFE}'
        | '\u{FFFF}' => Class::Dropped,
        _ if character.is_whitespace() => Class::Blank,
        _ if character.is_control() => Class::Dropped,
        _ => Class::Kept,
    }
}

fn to_nfc(text: String) -> String {
    if is_nfc(&text) {
        text
    } else {
        text.nfc().collect()
    }
}

/// Tells whether a line may break beside this character without a space: Han, kana, and their punctuation. Korean
/// separates words by spaces.
pub(crate) fn is_cjk(character: char) -> bool {
    matches!(character,
        '\u{2E80}'..='\u{2FDF}' | '\u{3000}'..='\u{30FF}' | '\u{3105}'..='\u{312F}' | '\u{31A0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE4F}'
        | '\u{FF01}'..='\u{FF9F}' | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flowing_text_keeps_breaks_and_collapses_blanks() {
        assert_eq!(flowing("  a \u{A0}\t b\u{AD}c\0 \r\n\r\n  d  "), "a bc\nd");
        assert_eq!(flowing("e\u{301}"), "é");
        assert_eq!(flowing("ＡＢＣ１２３"), "ＡＢＣ１２３");
        assert_eq!(flowing(" \n "), "");
    }

    #[test]
    fn preformatted_text_keeps_indentation() {
        assert_eq!(
            preformatted("\r\n\n  if x:  \r\n\treturn\r\n\r\n"),
            "  if x:\n\treturn"
        );
        assert_eq!(preformatted(" \n \n"), "");
    }

    proptest::proptest! {
        #[test]
        fn normalising_twice_changes_nothing(raw in "\\PC{0,80}|[ -~\\r\\n\\t\u{300}-\u{310}\u{4e00}-\u{4e10}]{0,80}") {
            let once = flowing(&raw);
            proptest::prop_assert_eq!(&flowing(&once), &once);
            let code = preformatted(&raw);
            proptest::prop_assert_eq!(&preformatted(&code), &code);
            proptest::prop_assert!(is_nfc(&once) && is_nfc(&code));
        }
    }
}
