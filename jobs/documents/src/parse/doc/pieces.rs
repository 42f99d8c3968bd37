//! Where the text is: pieces of the main stream, in the order of the document ([MS-DOC] 2.8.35, 2.9.177).

use encoding_rs::{Encoding, WINDOWS_1252};

use super::header::Header;
use crate::parse::binary::{Cursor, u16_at, u32_at};

/// Pieces that are read; documents that were saved often have thousands.
const MAX_PIECES: usize = 1_000_000;

/// Characters that lie together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    /// The first character's number in the document.
    pub(super) first: u32,
    /// One past the last.
    pub(super) end: u32,
    /// Place of the first character in the main stream.
    pub(super) offset: u32,
    /// The encoding of characters of one byte; `None` for UTF-16.
    pub(super) encoding: Option<&'static Encoding>,
}

impl Piece {
    /// Bytes of a character.
    pub(super) fn width(&self) -> u32 {
        if self.encoding.is_some() { 1 } else { 2 }
    }
}

/// The pieces in the order of the document.
pub(super) struct Pieces {
    pub(super) pieces: Vec<Piece>,
}

impl Pieces {
    /// Reads the list; `None` if it is damaged.
    pub(super) fn read(header: &Header, main: &[u8], table: &[u8]) -> Option<Self> {
        let source = if header.table.is_some() { table } else { main };
        let list = header.pieces.of(source);
        if list.is_empty() {
            return Some(Self::without_list(header));
        }
        let list = piece_table(list)?;
        // n + 1 numbers of characters, then n descriptions of eight bytes.
        let count = (list.len().checked_sub(4)? / 12).min(MAX_PIECES);
        let descriptions = list.get(4 * (count + 1)..)?;
        let mut pieces = Vec::with_capacity(count);
        for index in 0..count {
            let first = u32_at(list, 4 * index)?;
            let end = u32_at(list, 4 * (index + 1))?;
            let place = u32_at(descriptions, 8 * index + 2)?;
            if end > first {
                pieces.push(piece(header, first, end, place));
            }
        }
        Some(Self { pieces })
    }

    fn without_list(header: &Header) -> Self {
        let characters = header
            .counts
            .iter()
            .fold(0_u32, |sum, count| sum.saturating_add(*count));
        Self {
            pieces: vec![Piece {
                first: 0,
                end: characters,
                offset: header.text.start(),
                encoding: Some(header.encoding.unwrap_or(WINDOWS_1252)),
            }],
        }
    }
}

fn piece(header: &Header, first: u32, end: u32, place: u32) -> Piece {
    const ONE_BYTE: u32 = 1 << 30;
    let (offset, encoding) = match header.encoding {
        Some(encoding) => (place, Some(encoding)),
        None if place & ONE_BYTE != 0 => ((place & !ONE_BYTE) / 2, Some(WINDOWS_1252)),
        None => (place, None),
    };
    Piece {
        first,
        end,
        offset,
        encoding,
    }
}

/// Skips the properties of pieces, which come before their table.
fn piece_table(list: &[u8]) -> Option<&[u8]> {
    const PROPERTIES: u8 = 1;
    const TABLE: u8 = 2;
    let mut cursor = Cursor::new(list);
    loop {
        match cursor.u8()? {
            PROPERTIES => {
                let size = u16_at(cursor.rest(), 0)?;
                cursor.take(usize::from(size) + 2)?;
            }
            TABLE => {
                let size = cursor.u32()? as usize;
                return cursor.take(size.min(cursor.rest().len()));
            }
            _ => return None,
        }
    }
}
