//! Where to end a chunk: the best boundary near the target.
//!
//! Better boundaries win over nearer ones: block, then sentence (or line of a table), then line break, clause and word,
//! then token. Headings need no rank: sections end at them ([`mod@super::sections`]). Each search looks at one window of at
//! most `max` tokens, so the whole document costs linear time.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::tokens::{Measure, Unit};

/// The text with its measure, and the sizes to cut it by.
pub(super) struct Cutter<'a> {
    pub(super) text: &'a str,
    pub(super) units: &'a [Unit],
    pub(super) measure: &'a Measure,
    /// Tokens to aim for, at least 1.
    pub(super) target: usize,
    /// Never more tokens than this, at least `target`.
    pub(super) max: usize,
    /// Tokens that the next chunk repeats, at most half of `target`.
    pub(super) overlap: usize,
}

impl Cutter<'_> {
    /// Returns where the chunk that begins at `from` ends, in a section that reaches to `end`. `fresh` is where the text
    /// begins that no chunk before it has; the chunk ends behind it.
    pub(super) fn cut(&self, from: usize, fresh: usize, end: usize) -> usize {
        let first = self.measure.token_at(from);
        // White space behind the last token is trimmed, so it costs nothing.
        let limit = skip_white_space(self.text, self.measure.token_end(first + self.max - 1));
        if limit >= end {
            return end;
        }
        if let Some(start) = self.uncut_block_start(limit).filter(|&start| start > fresh) {
            return start;
        }
        let aim = self.measure.token_end(first + self.target - 1);
        let low = |share: usize| self.measure.token_start(first + share).max(fresh + 1);

        let blocks = low(self.target * 2 / 3)..limit + 1;
        if let Some(start) = self.nearest_block(blocks, aim) {
            return start;
        }
        let sentences = low(self.target / 2)..limit + 1;
        if let Some(start) = self.nearest_sentence(sentences, aim) {
            return start;
        }
        let words = low(self.target * 2 / 3)..limit;
        self.best_word(words, aim).unwrap_or(aim)
    }

    /// Returns where the next chunk begins if its fresh text begins at `fresh`: at a sentence about `overlap` tokens back
    /// but not before `floor`, or at `fresh` itself.
    pub(super) fn overlap_start(&self, floor: usize, fresh: usize) -> usize {
        let fresh_token = self.measure.token_at(fresh);
        let budget = self.overlap.min(self.room_before(fresh));
        let Some(first) = fresh_token.checked_sub(budget).filter(|_| budget > 0) else {
            return fresh;
        };
        let window = self.measure.token_start(first).max(floor)..fresh;
        if window.is_empty() {
            return fresh;
        }
        let block = self.first_block(&window);
        let sentence = self
            .measure
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
        self.best_word(window, aim).unwrap_or(fresh)
    }

    /// How many tokens may stand before `fresh` so that a table or listing that begins there still fits whole.
    fn room_before(&self, fresh: usize) -> usize {
        let index = self.units.partition_point(|unit| unit.start < fresh);
        match self.units.get(index) {
            Some(unit) if unit.start == fresh && self.is_uncut(unit) => {
                self.max - self.tokens_of(unit)
            }
            _ => self.max,
        }
    }

    /// The start of the table or listing around `at` that is not to be cut there.
    fn uncut_block_start(&self, at: usize) -> Option<usize> {
        let index = self
            .units
            .partition_point(|unit| unit.start < at)
            .checked_sub(1)?;
        let unit = &self.units[index];
        (at < unit.end && self.is_uncut(unit)).then_some(unit.start)
    }

    fn is_inside_uncut_block(&self, at: usize) -> bool {
        self.uncut_block_start(at).is_some()
    }

    fn is_uncut(&self, unit: &Unit) -> bool {
        unit.is_atomic() && self.tokens_of(unit) <= self.max
    }

    fn tokens_of(&self, unit: &Unit) -> usize {
        self.measure.tokens(unit.start..unit.end)
    }

    fn is_boundary(&self, at: usize) -> bool {
        self.measure.breaks.binary_search(&at).is_ok()
            || self
                .units
                .binary_search_by_key(&at, |unit| unit.start)
                .is_ok()
    }

    fn first_block(&self, window: &Range<usize>) -> Option<usize> {
        let index = self.units.partition_point(|unit| unit.start < window.start);
        self.units
            .get(index)
            .map(|unit| unit.start)
            .filter(|start| window.contains(start))
    }

    fn nearest_block(&self, window: Range<usize>, aim: usize) -> Option<usize> {
        let first = self.units.partition_point(|unit| unit.start < window.start);
        let inside = self.units[first..].iter().map(|unit| unit.start);
        nearest(inside.take_while(|&start| start < window.end), aim)
    }

    fn nearest_sentence(&self, window: Range<usize>, aim: usize) -> Option<usize> {
        if window.is_empty() {
            return None;
        }
        let breaks = self.measure.breaks_in(window).iter().copied();
        nearest(breaks.filter(|&at| !self.is_inside_uncut_block(at)), aim)
    }

    /// The best place between words in a window without a sentence's end: after a line, a clause or a word.
    fn best_word(&self, window: Range<usize>, aim: usize) -> Option<usize> {
        let start = self.text.ceil_char_boundary(window.start);
        let end = self
            .text
            .floor_char_boundary(window.end.min(self.text.len()));
        let window = self.text.get(start..end)?;
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
}

/// Marks after which a sentence may be cut if it must be cut.
fn is_clause_end(character: char) -> bool {
    matches!(
        character,
        '，' | '、' | '：' | '；' | '）' | '」' | '”' | ';'
    )
}

/// First byte from `at` on that is not white space.
pub(super) fn skip_white_space(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start().len()
}

fn nearest(places: impl Iterator<Item = usize>, aim: usize) -> Option<usize> {
    places.min_by_key(|&at| at.abs_diff(aim))
}
