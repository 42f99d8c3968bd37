//! Where the valid version of each object is: every save appends the objects that changed, and a directory of them
//! ([MS-PPT] 2.1.2).

use std::collections::HashMap;

use super::records::{self, Record, kind};
use crate::parse::binary::{u16_at, u32_at};

/// Saves that are followed back.
const MAX_EDITS: usize = 100_000;
/// Objects that are kept.
const MAX_OBJECTS: usize = 1_000_000;

/// Offsets of objects in the stream, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub(super) is_encrypted: bool,
    /// Offset of the document.
    pub(super) document: Option<u32>,
    offsets: HashMap<u32, u32>,
}

impl Directory {
    /// Follows the saves from the last one back. What is damaged is missing.
    pub(super) fn read(user: &[u8], stream: &[u8]) -> Self {
        const ENCRYPTED: u32 = 0xF3D1_C4DF;
        /// Size of the record of a save that names a key.
        const EDIT_WITH_KEY_BYTES: usize = 32;
        let mut directory = Self::default();
        let current = records::children(user).find(|record| record.kind == kind::CURRENT_USER);
        directory.is_encrypted = current.is_some_and(|record| record.u32_at(4) == Some(ENCRYPTED));
        let mut offset = current.and_then(|record| record.u32_at(8));
        let mut document = None;
        for _ in 0..MAX_EDITS {
            let Some(edit) = offset
                .and_then(|offset| records::at(stream, offset))
                .filter(|record| record.kind == kind::USER_EDIT)
            else {
                break;
            };
            directory.is_encrypted |= edit.content.len() >= EDIT_WITH_KEY_BYTES;
            document = document.or(edit.u32_at(16));
            if let Some(record) = edit
                .u32_at(12)
                .and_then(|offset| records::at(stream, offset))
                .filter(|record| record.kind == kind::DIRECTORY)
            {
                directory.add(record.content);
            }
            let before = edit.u32_at(8).filter(|before| *before > 0);
            // Saves are appended, so the one before lies before.
            if before >= offset {
                break;
            }
            offset = before;
        }
        directory.document = document.and_then(|number| directory.offset(number));
        directory
    }

    /// Adds the objects of a save; those of later saves are there already, and win.
    fn add(&mut self, entries: &[u8]) {
        let mut at = 0;
        while let Some(head) = u32_at(entries, at) {
            at += 4;
            // The number of the first object, and how many follow each other.
            let (first, count) = (head & 0x000F_FFFF, head >> 20);
            for number in first..first + count {
                let Some(offset) = u32_at(entries, at) else {
                    return;
                };
                at += 4;
                if self.offsets.len() < MAX_OBJECTS {
                    self.offsets.entry(number).or_insert(offset);
                }
            }
        }
    }

    fn offset(&self, number: u32) -> Option<u32> {
        self.offsets.get(&number).copied()
    }

    /// Returns the record of an object.
    pub(super) fn record<'a>(&self, number: u32, stream: &'a [u8]) -> Option<Record<'a>> {
        records::at(stream, self.offset(number)?)
    }

    /// Returns the notes by the ids of their slides.
    pub(super) fn notes<'a>(
        &self,
        document: &Record<'_>,
        stream: &'a [u8],
    ) -> HashMap<u32, Record<'a>> {
        const NOTES: u16 = 2;
        let mut notes = HashMap::new();
        let list = records::children(document.content)
            .find(|record| record.kind == kind::SLIDE_LIST && record.instance == NOTES);
        for reference in list.iter().flat_map(|list| records::children(list.content)) {
            if reference.kind != kind::SLIDE_REFERENCE {
                continue;
            }
            let record = reference
                .u32_at(0)
                .and_then(|number| self.record(number, stream))
                .filter(|record| record.kind == kind::NOTES);
            let slide = record.and_then(|record| {
                records::children(record.content)
                    .find(|record| record.kind == kind::NOTES_ATOM)?
                    .u32_at(0)
            });
            if let (Some(record), Some(slide)) = (record, slide) {
                notes.entry(slide).or_insert(record);
            }
        }
        notes
    }
}

/// Returns the number of a property in a list of a drawing, if it has the property.
pub(super) fn drawing_property(list: &Record<'_>, property: u16) -> Option<u32> {
    const ENTRY_BYTES: usize = 6;
    (0..usize::from(list.instance)).find_map(|index| {
        let at = ENTRY_BYTES * index;
        (u16_at(list.content, at)? & 0x3FFF == property).then(|| u32_at(list.content, at + 2))?
    })
}
