//! Makes chunks of spans.

use super::Chunk;
use super::pack::Span;
use crate::block::Document;

/// A chunk's span with what depends on the spans before it.
pub(super) struct Placed {
    ordinal: u32,
    span: Span,
    start_char: usize,
    overlap: usize,
}

/// Numbers the spans, which are in order.
pub(super) fn place(text: &str, spans: Vec<Span>) -> Vec<Placed> {
    let mut cursor = CharCursor::default();
    let mut last_end = 0;
    spans
        .into_iter()
        .zip(0..)
        .map(|(span, ordinal)| {
            let start = span.bytes.start;
            let overlap = last_end.max(start) - start;
            last_end = span.bytes.end;
            Placed {
                ordinal,
                start_char: cursor.advance(text, start),
                span,
                overlap,
            }
        })
        .collect()
}

impl Placed {
    pub(super) fn build(&self, document: &Document) -> Chunk {
        let bytes = &self.span.bytes;
        let text = &document.text[bytes.clone()];
        let first = document
            .blocks
            .partition_point(|block| block.end <= bytes.start);
        Chunk {
            ordinal: self.ordinal,
            text: text.to_owned(),
            start: bytes.start,
            end: bytes.end,
            start_char: self.start_char,
            end_char: self.start_char + text.chars().count(),
            overlap: self.overlap,
            page: page_at(document, bytes.start),
            last_page: page_at(document, bytes.end - 1),
            heading_path: document
                .blocks
                .get(first)
                .map(|block| block.heading_path.clone())
                .unwrap_or_default(),
            tokens: self.span.size as u32,
            text_hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
        }
    }
}

/// The page around a byte; where the document has no list of pages, that of its block.
fn page_at(document: &Document, byte: usize) -> Option<u32> {
    let page = document.pages.partition_point(|page| page.start <= byte);
    if let Some(index) = page.checked_sub(1) {
        return Some(document.pages[index].number);
    }
    let block = document.blocks.partition_point(|block| block.start <= byte);
    document.blocks.get(block.checked_sub(1)?)?.page
}

/// Byte offsets to character offsets, for offsets that mostly grow: each call counts only from the one before.
#[derive(Debug, Default)]
struct CharCursor {
    byte: usize,
    chars: usize,
}

impl CharCursor {
    /// Returns the number of characters before `byte`, which is not before the byte of the last call.
    fn advance(&mut self, text: &str, byte: usize) -> usize {
        self.chars += text[self.byte..byte].chars().count();
        self.byte = byte;
        self.chars
    }
}
