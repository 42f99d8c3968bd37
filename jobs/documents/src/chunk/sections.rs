//! Which blocks may share a chunk: sections, and small neighbouring sections taken together.
//!
//! A section is a heading (or a run of headings, each below the one before it) with the text up to the next heading.
//! A chunk never reaches over a section, unless whole sections that follow each other under one parent fit into the target
//! together: then they are one chunk, because a vector of a single line finds nothing.

use std::ops::Range;

use super::ruler::Ruler;
use super::units::Unit;
use crate::block::{Block, BlockKind};

/// Units that are packed together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// Indices into the units.
    pub(super) units: Range<usize>,
    /// Bytes of the text, without the white space behind the last unit.
    pub(super) bytes: Range<usize>,
    /// Where the first text below the headings begins.
    pub(super) body: usize,
}

/// All units as one section.
pub(super) fn undivided(units: &[Unit]) -> Option<Section> {
    let (first, last) = (units.first()?, units.last()?);
    Some(Section {
        units: 0..units.len(),
        bytes: first.start..last.end,
        body: first.start,
    })
}

/// Joins neighbouring sections that fit into `target` together.
pub(super) fn join_small(
    sections: Vec<Section>,
    blocks: &[Block],
    ruler: &Ruler<'_>,
    target: usize,
) -> Vec<Section> {
    let mut joined: Vec<Section> = Vec::new();
    for section in sections {
        if let Some(last) = joined.last_mut()
            && is_under(blocks, section.units.start, last.units.start)
            && ruler
                .size_within(last.bytes.start..section.bytes.end, target)
                .is_some()
        {
            last.units.end = section.units.end;
            last.bytes.end = section.bytes.end;
        } else {
            joined.push(section);
        }
    }
    joined
}

/// Whether the headings over one block are all over the other too.
fn is_under(blocks: &[Block], block: usize, other: usize) -> bool {
    match (blocks.get(block), blocks.get(other)) {
        (Some(block), Some(other)) => block.heading_path.starts_with(&other.heading_path),
        _ => true,
    }
}

/// Cuts a document at its headings.
pub(super) fn cut_at_headings(units: &[Unit]) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut above: Option<u8> = None;
    for (index, unit) in units.iter().enumerate() {
        let level = match unit.kind {
            BlockKind::Heading(level) => Some(level),
            _ => None,
        };
        let opens = match (level, above) {
            (Some(level), Some(above)) => level <= above,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let is_first_text = level.is_none() && above.is_some();
        above = level;
        match sections.last_mut() {
            Some(section) if !opens => {
                if is_first_text {
                    section.body = unit.start;
                } else if level.is_some() {
                    section.body = unit.end;
                }
                section.units.end = index + 1;
                section.bytes.end = unit.end;
            }
            _ => sections.push(Section {
                units: index..index + 1,
                bytes: unit.start..unit.end,
                body: if level.is_some() {
                    unit.end
                } else {
                    unit.start
                },
            }),
        }
    }
    sections
}
