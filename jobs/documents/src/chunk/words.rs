//! Where to cut a text that has no sentence end where one is needed.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::boundaries::nearest;

/// Returns the best place between words in a window: after a line, a clause or a word.
pub(super) fn best_word(text: &str, window: Range<usize>, aim: usize) -> Option<usize> {
    let start = text.ceil_char_boundary(window.start);
    let end = text.floor_char_boundary(window.end.min(text.len()));
    let window = text.get(start..end)?;
    let after = |is_end: fn(char) -> bool| {
        let places = window
            .char_indices()
            .filter(|&(_, character)| is_end(character))
            .map(|(at, character)| start + at + character.len_utf8());
        nearest(places.filter(|&at| at < end), aim)
    };
    after(|character| character == '\n')
        .or_else(|| after(is_clause_end))
        .or_else(|| after(char::is_whitespace))
        .or_else(|| {
            // The first bound is the window's own start, which may lie inside a word.
            let bounds = window.split_word_bound_indices().skip(1);
            nearest(bounds.map(|(at, _)| start + at), aim)
        })
}

/// Marks after which a sentence may be cut if it must be cut.
fn is_clause_end(character: char) -> bool {
    matches!(
        character,
        '，' | '、' | '：' | '；' | '）' | '」' | '”' | ';'
    )
}
