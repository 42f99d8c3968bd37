//! Packs a section into spans: each as large as the target allows, each but the first with an overlap.

use std::ops::Range;

use super::boundaries::{Cutter, skip_white_space};
use super::sections::Section;

/// Appends the spans of a section's chunks: trimmed, in order, no start and no end before the one of the span before.
pub(super) fn pack(cutter: &Cutter<'_>, section: &Section, spans: &mut Vec<Range<usize>>) {
    let end = section.bytes.end;
    let mut fresh = skip_white_space(cutter.text, section.bytes.start);
    let mut from = fresh;
    while fresh < end {
        let cut = cutter.cut(from, fresh, end);
        debug_assert!(cut > fresh, "a chunk must have text of its own");
        let trimmed = cutter.text[from..cut].trim_end();
        spans.push(from..from + trimmed.len());
        let floor = section.body.max(fresh + 1);
        fresh = skip_white_space(cutter.text, cut);
        if fresh < end {
            from = skip_white_space(cutter.text, cutter.overlap_start(floor, fresh));
        }
    }
}

/// Byte offsets to character offsets, for offsets that mostly grow: each call counts only from the one before.
#[derive(Debug, Default)]
pub(super) struct CharCursor {
    byte: usize,
    chars: usize,
}

impl CharCursor {
    /// Returns the number of characters before `byte`, which is not before the byte of the last call.
    pub(super) fn advance(&mut self, text: &str, byte: usize) -> usize {
        self.chars += text[self.byte..byte].chars().count();
        self.byte = byte;
        self.chars
    }
}
