//! What is said of each paragraph: its style, its level, whether it is a cell.

use super::header::Header;
use super::pages::{for_each_property, for_each_run};
use crate::parse::binary::u16_at;

/// The properties of a paragraph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Properties {
    pub(super) style: u16,
    /// From 0; 9 is body text.
    pub(super) outline_level: Option<u8>,
    pub(super) in_table: bool,
    /// The mark that ends a row.
    pub(super) ends_row: bool,
    /// Tables around it.
    pub(super) table_depth: u8,
    pub(super) in_list: bool,
}

/// The properties of all paragraphs, by their places in the main stream.
#[derive(Debug, Default)]
pub(super) struct Paragraphs {
    /// One past the place, and the properties, of each run; sorted.
    runs: Vec<(u32, u32, Properties)>,
}

impl Paragraphs {
    pub(super) fn read(header: &Header, main: &[u8], table: &[u8]) -> Self {
        let is_word_97 = header.table.is_some();
        let lists = if is_word_97 { table } else { main };
        // Place of the properties within the page, and a description of the paragraph's height.
        let entry_bytes = if is_word_97 { 13 } else { 7 };
        let mut runs = Vec::new();
        for_each_run(
            header.paragraph_pages,
            lists,
            main,
            is_word_97,
            |run, page, index| {
                let properties = properties(page, index, entry_bytes, is_word_97);
                runs.push((run.start, run.end, properties.unwrap_or_default()));
            },
        );
        runs.sort_by_key(|(start, _, _)| *start);
        Self { runs }
    }

    /// Returns the properties of the paragraph whose mark is at this place.
    pub(super) fn at(&self, place: u32) -> Properties {
        let index = self.runs.partition_point(|(start, _, _)| *start <= place);
        index
            .checked_sub(1)
            .and_then(|index| self.runs.get(index))
            .filter(|(_, end, _)| place < *end)
            .map(|(_, _, properties)| *properties)
            .unwrap_or_default()
    }
}

fn properties(
    page: &[u8],
    index: usize,
    entry_bytes: usize,
    is_word_97: bool,
) -> Option<Properties> {
    let runs = usize::from(*page.last()?);
    let entry = 4 * (runs + 1) + entry_bytes * index;
    let at = 2 * usize::from(*page.get(entry)?);
    if at == 0 {
        return Some(Properties::default());
    }
    // The size in words, which a byte of zero may come before.
    let (start, size) = match (*page.get(at)?, is_word_97) {
        (0, true) => (at + 2, 2 * usize::from(*page.get(at + 1)?)),
        (words, true) => (at + 1, (2 * usize::from(words)).saturating_sub(1)),
        (words, false) => (at + 1, 2 * usize::from(words)),
    };
    let list = page.get(start..(start + size).min(page.len()))?;
    if !is_word_97 {
        return Some(Properties {
            style: u16::from(*list.first()?),
            ..word_6(list.get(3..).unwrap_or_default())
        });
    }
    let mut properties = Properties {
        style: u16_at(list, 0)?,
        ..Properties::default()
    };
    for_each_property(list.get(2..).unwrap_or_default(), |number, operand| {
        let value = operand.first().copied().unwrap_or(0);
        match number {
            0x4600 => properties.style = u16_at(operand, 0).unwrap_or(0),
            0x2640 => properties.outline_level = Some(value),
            0x2416 => properties.in_table = value != 0,
            0x2417 | 0x244C => properties.ends_row |= value != 0,
            0x6649 => properties.table_depth = value,
            0x460B => properties.in_list = u16_at(operand, 0).is_some_and(|list| list != 0),
            _ => {}
        }
    });
    Some(properties)
}

/// Properties of Word 6 and 95 have numbers of one byte, whose sizes only a table would tell: the two that matter come
/// first.
fn word_6(list: &[u8]) -> Properties {
    const IN_TABLE: u8 = 24;
    const ENDS_ROW: u8 = 25;
    let mut properties = Properties::default();
    for pair in list.chunks_exact(2) {
        match *pair {
            [IN_TABLE, value] => properties.in_table = value != 0,
            [ENDS_ROW, value] => properties.ends_row = value != 0,
            _ => break,
        }
    }
    properties
}
