//! Where to end a chunk: the best boundary near the target.
//!
//! Better boundaries win over nearer ones: block, then sentence (or line of a table), then line break, clause and word,
//! then token. Headings need no rank: sections end at them ([`mod@super::sections`]). Each search looks at one window of at
//! most `max` tokens, so the whole document costs linear time. The other strategies leave some of the ranks out.

use std::ops::Range;

use super::lines::best_line;
use super::options::Strategy;
use super::ruler::Ruler;
use super::units::Unit;
use super::words::best_word;

/// The text with its measure, and what to cut it by.
#[derive(Clone, Copy)]
pub(super) struct Cutter<'a> {
    pub(super) text: &'a str,
    pub(super) units: &'a [Unit],
    /// Where sentences and lines begin inside units.
    pub(super) breaks: &'a [usize],
    pub(super) ruler: &'a Ruler<'a>,
    pub(super) strategy: Strategy,
    /// The size to aim for, at least 1.
    pub(super) target: usize,
    /// Never more than this, at least `target`.
    pub(super) max: usize,
    /// What the next chunk repeats, at most half of `target`.
    pub(super) overlap: usize,
}

impl Cutter<'_> {
    /// Returns where the chunk that begins at `from` ends, in a section that reaches to `end`. `fresh` is where the text
    /// begins that no chunk before it has; the chunk ends behind it if a chunk of the target size does.
    pub(super) fn cut(&self, from: usize, fresh: usize, end: usize) -> usize {
        let reach = |size| self.ruler.forward(from, size);
        // White space behind the last token is trimmed, so it costs nothing.
        let limit = skip_white_space(self.text, reach(self.max));
        if limit >= end {
            return end;
        }
        if let Some(start) = self.uncut_block_start(limit).filter(|&start| start > fresh) {
            return start;
        }
        let aim = reach(self.target);
        let low = |share: usize| reach(share).max(fresh + 1);
        let near = || low(self.target * 2 / 3);
        let found = match self.strategy {
            Strategy::Fixed => None,
            Strategy::Code => best_line(self.text, self.breaks_in(near()..limit + 1), aim),
            Strategy::Sentence => self.nearest_start(low(self.target / 2)..limit + 1, aim),
            Strategy::Recursive | Strategy::Markdown => self
                .nearest_block(near()..limit + 1, aim)
                .or_else(|| self.nearest_sentence(low(self.target / 2)..limit + 1, aim)),
        };
        if let Some(start) = found {
            return start;
        }
        if self.strategy == Strategy::Fixed {
            return aim;
        }
        best_word(self.text, near()..limit, aim).unwrap_or(aim)
    }

    /// Returns where the next chunk begins if its fresh text begins at `fresh`: at a sentence about `overlap` tokens back
    /// but not before `floor`, or at `fresh` itself.
    pub(super) fn overlap_start(&self, floor: usize, fresh: usize) -> usize {
        let budget = self.overlap.min(self.room_before(fresh));
        if budget == 0 {
            return fresh;
        }
        let Some(first) = self.ruler.backward(fresh, budget) else {
            return fresh;
        };
        let window = first.max(floor)..fresh;
        if window.is_empty() {
            return fresh;
        }
        if self.strategy == Strategy::Fixed {
            return self.text.ceil_char_boundary(window.start);
        }
        let block = self.first_block(&window);
        let sentence = self
            .breaks_in(window.clone())
            .iter()
            .copied()
            .find(|&at| !self.is_inside_uncut_block(at));
        if let Some(start) = [block, sentence].into_iter().flatten().min() {
            return start;
        }
        // A sentence that was cut in the middle is repeated in part, or the cut would tear it out of its context.
        if self.is_boundary(fresh) {
            return fresh;
        }
        let aim = window.start;
        best_word(self.text, window, aim).unwrap_or(fresh)
    }

    /// How much may stand before `fresh` so that a block that begins there and is not to be cut still fits whole.
    fn room_before(&self, fresh: usize) -> usize {
        let index = self.units.partition_point(|unit| unit.start < fresh);
        let unit = self.units.get(index).filter(|unit| unit.start == fresh);
        let size = unit.and_then(|unit| self.uncut_size(unit));
        size.map_or(self.max, |size| self.max - size)
    }

    /// The start of the block around `at` that is not to be cut there.
    fn uncut_block_start(&self, at: usize) -> Option<usize> {
        let index = self
            .units
            .partition_point(|unit| unit.start < at)
            .checked_sub(1)?;
        let unit = &self.units[index];
        (at < unit.end && self.uncut_size(unit).is_some()).then_some(unit.start)
    }

    fn is_inside_uncut_block(&self, at: usize) -> bool {
        self.uncut_block_start(at).is_some()
    }

    /// The size of a block that is kept whole: of the kind that is, and no larger than a chunk.
    fn uncut_size(&self, unit: &Unit) -> Option<usize> {
        let kept = match self.strategy {
            Strategy::Recursive => unit.has_lines(),
            Strategy::Markdown => true,
            Strategy::Sentence | Strategy::Fixed | Strategy::Code => false,
        };
        if kept {
            self.ruler.size_within(unit.start..unit.end, self.max)
        } else {
            None
        }
    }

    fn is_boundary(&self, at: usize) -> bool {
        self.breaks.binary_search(&at).is_ok()
            || self
                .units
                .binary_search_by_key(&at, |unit| unit.start)
                .is_ok()
    }

    fn first_block(&self, window: &Range<usize>) -> Option<usize> {
        self.block_starts(window.clone()).next()
    }

    fn nearest_block(&self, window: Range<usize>, aim: usize) -> Option<usize> {
        nearest(self.block_starts(window), aim)
    }

    fn nearest_sentence(&self, window: Range<usize>, aim: usize) -> Option<usize> {
        let breaks = self.breaks_in(window).iter().copied();
        nearest(breaks.filter(|&at| !self.is_inside_uncut_block(at)), aim)
    }

    /// The start of a sentence, of a line of a table or of a block, whichever is nearest.
    fn nearest_start(&self, window: Range<usize>, aim: usize) -> Option<usize> {
        let breaks = self.breaks_in(window.clone()).iter().copied();
        nearest(breaks.chain(self.block_starts(window)), aim)
    }

    fn block_starts(&self, window: Range<usize>) -> impl Iterator<Item = usize> {
        let first = self.units.partition_point(|unit| unit.start < window.start);
        let inside = self.units[first..].iter().map(|unit| unit.start);
        inside.take_while(move |&start| start < window.end)
    }

    /// The breaks in a range of bytes.
    fn breaks_in(&self, range: Range<usize>) -> &[usize] {
        let first = self.breaks.partition_point(|&at| at < range.start);
        let last = self.breaks.partition_point(|&at| at < range.end).max(first);
        &self.breaks[first..last]
    }
}

/// First byte from `at` on that is not white space.
pub(super) fn skip_white_space(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start().len()
}

/// The place with the least distance to `aim`; the first of equals.
pub(super) fn nearest(places: impl Iterator<Item = usize>, aim: usize) -> Option<usize> {
    places.min_by_key(|&at| at.abs_diff(aim))
}
