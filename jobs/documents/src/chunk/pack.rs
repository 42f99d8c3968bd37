//! Packs a section into spans: each as large as the target allows, each but the first with an overlap.

use std::ops::Range;

use super::boundaries::{Cutter, skip_white_space};
use super::sections::Section;

/// The bytes of a chunk, and its size.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) bytes: Range<usize>,
    pub(super) size: usize,
}

/// Returns the spans of a section's chunks: trimmed, in order, no start and no end before the one of the span before.
pub(super) fn pack(cutter: &Cutter<'_>, section: &Section) -> Vec<Span> {
    let end = section.bytes.end;
    let mut spans = Vec::new();
    let mut fresh = skip_white_space(cutter.text, section.bytes.start);
    let mut from = fresh;
    while fresh < end {
        let Some((cut, size)) = fitting_cut(cutter, from, fresh, end) else {
            if from == fresh {
                break;
            }
            // No room for the overlap.
            from = fresh;
            continue;
        };
        let trimmed = cutter.text[from..cut].trim_end();
        spans.push(Span {
            bytes: from..from + trimmed.len(),
            size,
        });
        let floor = section.body.max(fresh + 1);
        fresh = skip_white_space(cutter.text, cut);
        if fresh < end {
            from = skip_white_space(cutter.text, cutter.overlap_start(floor, fresh));
        }
    }
    spans
}

/// Where the chunk from `from` on ends, and its size, which is at most the maximum unless one character alone has more.
/// `None` if it would end before it brings something new, which only a chunk with overlap does.
fn fitting_cut(
    cutter: &Cutter<'_>,
    from: usize,
    fresh: usize,
    end: usize,
) -> Option<(usize, usize)> {
    let mut tighter = *cutter;
    loop {
        let cut = tighter.cut(from, fresh, end);
        if cut <= fresh {
            return None;
        }
        let trimmed = cutter.text[from..cut].trim_end().len();
        let size = cutter.ruler.size(from..from + trimmed);
        let is_one_character = cutter.text[from..from + trimmed].chars().nth(1).is_none();
        if size <= cutter.max || is_one_character {
            return Some((cut, size));
        }
        // The edges of a chunk may cost a token or two that sums over pieces do not show.
        if tighter.max == 1 {
            return (from == fresh).then_some((cut, size));
        }
        tighter.max = tighter.max.saturating_sub(size - cutter.max).max(1);
        tighter.target = tighter.target.min(tighter.max);
    }
}
