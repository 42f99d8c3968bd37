//! Records of a BIFF stream, and the strings in them.

use super::Globals;
use crate::parse::binary::{Cursor, utf16};
use crate::parse::sheet::shared_strings::SharedStrings;

/// Types of records ([MS-XLS] 2.3.2); the older number where BIFF5 has another.
pub(super) mod record {
    pub(in super::super) const FORMULA: u16 = 0x0006;
    pub(in super::super) const END: u16 = 0x000A;
    pub(in super::super) const DATE_SYSTEM: u16 = 0x0022;
    pub(in super::super) const ENCRYPTED: u16 = 0x002F;
    pub(in super::super) const CONTINUE: u16 = 0x003C;
    pub(in super::super) const CODE_PAGE: u16 = 0x0042;
    pub(in super::super) const OBJECT: u16 = 0x005D;
    pub(in super::super) const SHEET: u16 = 0x0085;
    pub(in super::super) const NUMBERS: u16 = 0x00BD;
    pub(in super::super) const RICH_LABEL: u16 = 0x00D6;
    pub(in super::super) const CELL_FORMAT: u16 = 0x00E0;
    pub(in super::super) const SHARED_STRINGS: u16 = 0x00FC;
    pub(in super::super) const SHARED_LABEL: u16 = 0x00FD;
    pub(in super::super) const TEXT_BOX: u16 = 0x01B6;
    pub(in super::super) const REAL: u16 = 0x0203;
    pub(in super::super) const LABEL: u16 = 0x0204;
    pub(in super::super) const BOOL_OR_ERROR: u16 = 0x0205;
    pub(in super::super) const FORMULA_STRING: u16 = 0x0207;
    pub(in super::super) const NUMBER: u16 = 0x027E;
    pub(in super::super) const FORMAT: u16 = 0x041E;
    pub(in super::super) const BOF: u16 = 0x0809;
}

/// Type and content of each record; ends where the bytes do.
pub(super) struct Records<'a> {
    rest: Cursor<'a>,
}

impl<'a> Records<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: Cursor::new(bytes),
        }
    }

    pub(super) fn next(&mut self) -> Option<(u16, Cursor<'a>)> {
        let kind = self.rest.u16()?;
        let size = self.rest.u16()?;
        let content = self
            .rest
            .take(usize::from(size))
            // The last record of a file that ends early.
            .unwrap_or_else(|| self.rest.take(self.rest.rest().len()).unwrap_or_default());
        Some((kind, Cursor::new(content)))
    }

    /// Returns the next record if it continues the last one.
    pub(super) fn next_continuation(&mut self) -> Option<Cursor<'a>> {
        let mut ahead = self.rest;
        if ahead.u16()? != record::CONTINUE {
            return None;
        }
        self.next().map(|(_, content)| content)
    }
}

/// Strings that run over the ends of records.
pub(super) struct Strings<'a, 'r> {
    part: Cursor<'a>,
    records: &'r mut Records<'a>,
}

impl<'a, 'r> Strings<'a, 'r> {
    pub(super) fn new(content: Cursor<'a>, records: &'r mut Records<'a>) -> Self {
        Self {
            part: content,
            records,
        }
    }

    /// Skips bytes, over the ends of records.
    pub(super) fn take(&mut self, mut count: usize) -> Option<()> {
        while count > 0 {
            if self.part.is_empty() {
                self.part = self.records.next_continuation()?;
            }
            let step = count.min(self.part.rest().len());
            self.part.take(step)?;
            count -= step;
            if step == 0 && !self.part.is_empty() {
                return None;
            }
        }
        Some(())
    }

    /// Reads the next string of the table of strings: its length, marks, characters, then formats and readings.
    pub(super) fn read_shared(&mut self, strings: &mut SharedStrings) -> Option<()> {
        const RICH: u8 = 8;
        const EXTENDED: u8 = 4;
        while self.part.is_empty() {
            self.part = self.records.next_continuation()?;
        }
        let count = usize::from(self.part.u16()?);
        let flags = self.part.u8()?;
        let runs = if flags & RICH != 0 {
            usize::from(self.part.u16()?)
        } else {
            0
        };
        let extension = if flags & EXTENDED != 0 {
            self.part.u32()? as usize
        } else {
            0
        };
        let complete = self.characters(count, flags, |text| strings.push_str(text));
        strings.end();
        complete?;
        self.take(4 * runs)?;
        self.take(extension)
    }

    /// Reads so many characters; each record that continues them begins with the width of its own.
    pub(super) fn characters(
        &mut self,
        mut count: usize,
        mut flags: u8,
        mut push: impl FnMut(&str),
    ) -> Option<()> {
        const WIDE: u8 = 1;
        while count > 0 {
            if self.part.is_empty() {
                self.part = self.records.next_continuation()?;
                flags = self.part.u8()?;
            }
            let width = usize::from(flags & WIDE) + 1;
            let step = count.min(self.part.rest().len() / width);
            if step == 0 {
                return None;
            }
            push(&text(self.part.take(step * width)?, flags & WIDE != 0));
            count -= step;
        }
        Some(())
    }
}

/// Reads a string with its length in two bytes. In BIFF8, its characters have a width.
pub(super) fn string(
    content: &mut Cursor<'_>,
    is_biff8: bool,
    globals: &Globals,
) -> Option<String> {
    let count = usize::from(content.u16()?);
    characters(content, count, is_biff8, globals)
}

/// Reads a string with its length in one byte.
pub(super) fn short_string(content: &mut Cursor<'_>, globals: &Globals) -> Option<String> {
    let count = usize::from(content.u8()?);
    characters(content, count, globals.is_biff8, globals)
}

fn characters(
    content: &mut Cursor<'_>,
    count: usize,
    is_biff8: bool,
    globals: &Globals,
) -> Option<String> {
    if !is_biff8 {
        let bytes = content.take(count.min(content.rest().len()))?;
        return Some(globals.encoding.decode_without_bom_handling(bytes).0.into());
    }
    let is_wide = content.u8()? & 1 != 0;
    let size = if is_wide { 2 * count } else { count };
    let bytes = content.take(size.min(content.rest().len()))?;
    Some(text(bytes, is_wide))
}

/// Characters are UTF-16, or its lower halves alone.
fn text(bytes: &[u8], is_wide: bool) -> String {
    if is_wide {
        utf16(bytes)
    } else {
        bytes.iter().map(|byte| char::from(*byte)).collect()
    }
}
