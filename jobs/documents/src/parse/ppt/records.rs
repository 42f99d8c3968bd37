//! Records: a head of eight bytes, then text, numbers, or records within.

use crate::parse::binary::{Cursor, u32_at};

/// Types of records ([MS-PPT] 2.13.24; those from 0xF000 on are of drawings, [MS-ODRAW] 2.1).
pub(super) mod kind {
    pub(in super::super) const DOCUMENT: u16 = 0x03E8;
    pub(in super::super) const SLIDE: u16 = 0x03EE;
    pub(in super::super) const NOTES: u16 = 0x03F0;
    pub(in super::super) const NOTES_ATOM: u16 = 0x03F1;
    pub(in super::super) const SLIDE_REFERENCE: u16 = 0x03F3;
    pub(in super::super) const DRAWING: u16 = 0x040C;
    pub(in super::super) const PLACEHOLDER: u16 = 0x0BC3;
    pub(in super::super) const OUTLINE_REFERENCE: u16 = 0x0F9E;
    pub(in super::super) const TEXT_HEADER: u16 = 0x0F9F;
    pub(in super::super) const TEXT_UTF16: u16 = 0x0FA0;
    pub(in super::super) const TEXT_BYTES: u16 = 0x0FA8;
    pub(in super::super) const SLIDE_LIST: u16 = 0x0FF0;
    pub(in super::super) const USER_EDIT: u16 = 0x0FF5;
    pub(in super::super) const CURRENT_USER: u16 = 0x0FF6;
    pub(in super::super) const DIRECTORY: u16 = 0x1772;
    pub(in super::super) const SHAPE_GROUP: u16 = 0xF003;
    pub(in super::super) const SHAPE: u16 = 0xF004;
    pub(in super::super) const CHILD_ANCHOR: u16 = 0xF00F;
    pub(in super::super) const SHAPE_TEXT: u16 = 0xF00D;
    pub(in super::super) const SHAPE_DATA: u16 = 0xF011;
    pub(in super::super) const PROPERTIES_3: u16 = 0xF122;
}

/// A record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) kind: u16,
    pub(super) instance: u16,
    /// Whether it holds records.
    pub(super) is_container: bool,
    pub(super) content: &'a [u8],
}

impl Record<'_> {
    pub(super) fn u32_at(&self, at: usize) -> Option<u32> {
        u32_at(self.content, at)
    }
}

/// Returns the record at an offset.
pub(super) fn at(stream: &[u8], offset: u32) -> Option<Record<'_>> {
    children(stream.get(offset as usize..)?).next()
}

/// Returns the records that lie one after the other; the last may be cut off.
pub(super) fn children(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    const CONTAINER: u16 = 0xF;
    let mut cursor = Cursor::new(bytes);
    std::iter::from_fn(move || {
        let head = cursor.u16()?;
        let kind = cursor.u16()?;
        let size = cursor.u32()? as usize;
        let content = cursor.take(size.min(cursor.rest().len()))?;
        Some(Record {
            kind,
            instance: head >> 4,
            is_container: head & 0xF == CONTAINER,
            content,
        })
    })
}
