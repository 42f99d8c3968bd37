//! Properties of characters and paragraphs are kept in pages of 512 bytes in the main stream, found by a list of page
//! numbers ([MS-DOC] 2.9.33, 2.9.174). A page holds runs of text, by their places, and the properties of each.

use super::header::Range;
use crate::parse::binary::u32_at;

const PAGE_BYTES: usize = 512;
/// Pages that are read; each holds some dozens of runs.
const MAX_PAGES: usize = 1_000_000;

/// A run of text in the main stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) start: u32,
    pub(super) end: u32,
}

/// Calls `visit` for each run with its page and its index in it, in the order of the list.
pub(super) fn for_each_run<'a>(
    list: Range,
    lists: &[u8],
    main: &'a [u8],
    is_word_97: bool,
    mut visit: impl FnMut(Run, &'a [u8], usize),
) {
    let list = list.of(lists);
    // n + 1 places, then n page numbers of four bytes, or of two before Word 97.
    let number_bytes = if is_word_97 { 4 } else { 2 };
    let count = (list.len().saturating_sub(4) / (4 + number_bytes)).min(MAX_PAGES);
    for index in 0..count {
        let at = 4 * (count + 1) + number_bytes * index;
        let number = list
            .get(at..at + number_bytes)
            .unwrap_or_default()
            .iter()
            .rev()
            .fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        let start = (number & 0x003F_FFFF) * PAGE_BYTES;
        let Some(page) = main.get(start..start + PAGE_BYTES) else {
            continue;
        };
        let runs = usize::from(page[PAGE_BYTES - 1]);
        for run in 0..runs {
            if let (Some(start), Some(end)) = (u32_at(page, 4 * run), u32_at(page, 4 * run + 4)) {
                visit(Run { start, end }, page, run);
            }
        }
    }
}

/// Calls `visit` with number and operand of each property in a list ([MS-DOC] 2.6.1).
pub(super) fn for_each_property(list: &[u8], mut visit: impl FnMut(u16, &[u8])) {
    const TABLE_DEFINITION: u16 = 0xD608;
    let mut at = 0;
    while let (Some(&low), Some(&high)) = (list.get(at), list.get(at + 1)) {
        let number = u16::from_le_bytes([low, high]);
        at += 2;
        let variable = list.get(at).map_or(0, |size| usize::from(*size));
        let (skipped, size) = match number >> 13 {
            0 | 1 => (0, 1),
            2 | 4 | 5 => (0, 2),
            3 => (0, 4),
            7 => (0, 3),
            _ if number == TABLE_DEFINITION => {
                let high = list.get(at + 1).map_or(0, |size| usize::from(*size));
                (2, (variable | high << 8).saturating_sub(1))
            }
            _ => (1, variable),
        };
        let start = (at + skipped).min(list.len());
        let end = (start + size).min(list.len());
        visit(number, list.get(start..end).unwrap_or_default());
        at = end.max(at + 1);
    }
}
