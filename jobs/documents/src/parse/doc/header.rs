//! The file information block: versions, marks, and where the other structures are ([MS-DOC] 2.5).

use encoding_rs::Encoding;

use crate::parse::binary::{u16_at, u32_at};
use crate::parse::code_page;

/// A range in a stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Range {
    start: u32,
    size: u32,
}

impl Range {
    /// Returns the bytes of the range, as far as the stream has them.
    pub(super) fn of(self, stream: &[u8]) -> &[u8] {
        let start = (self.start as usize).min(stream.len());
        let end = start.saturating_add(self.size as usize).min(stream.len());
        stream.get(start..end).unwrap_or_default()
    }

    pub(super) fn start(self) -> u32 {
        self.start
    }
}

/// Where the header's parts tell things to be.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) is_encrypted: bool,
    /// The stream of the structures; Word 6 and 95 keep them in the main stream.
    pub(super) table: Option<&'static str>,
    /// For text of one byte a character in versions without Unicode.
    pub(super) encoding: Option<&'static Encoding>,
    /// Text of a document without a list of pieces.
    pub(super) text: Range,
    /// Characters of the main text, footnotes, headers, macros, comments, endnotes, boxes, boxes in headers.
    pub(super) counts: [u32; 8],
    pub(super) styles: Range,
    pub(super) character_pages: Range,
    pub(super) paragraph_pages: Range,
    pub(super) pieces: Range,
}

impl Header {
    /// Reads the header; `None` if the stream is shorter.
    pub(super) fn read(main: &[u8]) -> Option<Self> {
        const ENCRYPTED: u16 = 0x0100;
        const SECOND_TABLE: u16 = 0x0200;
        /// From this version on: Word 97.
        const UNICODE: u16 = 0xC1;
        let version = u16_at(main, 0x02)?;
        let language = u16_at(main, 0x06)?;
        let marks = u16_at(main, 0x0A)?;
        let text_start = u32_at(main, 0x18)?;
        let text_end = u32_at(main, 0x1C)?;
        let range = |at: usize| -> Option<Range> {
            Some(Range {
                start: u32_at(main, at)?,
                size: u32_at(main, at + 4)?,
            })
        };
        let text = Range {
            start: text_start,
            size: text_end.saturating_sub(text_start),
        };
        let counts = |at: usize| -> Option<[u32; 8]> {
            let mut counts = [0; 8];
            for (index, count) in counts.iter_mut().enumerate() {
                // A negative count is damage.
                *count = u32_at(main, at + 4 * index)?.min(i32::MAX as u32);
            }
            Some(counts)
        };
        let is_encrypted = marks & ENCRYPTED != 0;
        if version < UNICODE {
            return Some(Self {
                is_encrypted,
                table: None,
                encoding: Some(code_page::of_language(language)),
                text,
                counts: counts(0x34)?,
                styles: range(0x60)?,
                character_pages: range(0xB8)?,
                paragraph_pages: range(0xC0)?,
                pieces: range(0x160)?,
            });
        }
        Some(Self {
            is_encrypted,
            table: Some(if marks & SECOND_TABLE == 0 {
                "/0Table"
            } else {
                "/1Table"
            }),
            encoding: None,
            text,
            counts: counts(0x4C)?,
            styles: range(0xA2)?,
            character_pages: range(0xFA)?,
            paragraph_pages: range(0x102)?,
            pieces: range(0x1A2)?,
        })
    }
}
