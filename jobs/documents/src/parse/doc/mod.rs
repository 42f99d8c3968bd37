//! Word documents of 1993–2003 ([MS-DOC], and the versions before): the stream `WordDocument` of a compound file.
//!
//! The header ([`header`]) says where things are. Text lies in pieces ([`pieces`]), which give it its order: the main
//! text, then footnotes, headers, comments, endnotes and boxes, of which headers and comments are left out. What a
//! paragraph is, is said by its properties ([`paragraphs`]) and its style ([`styles`]); [`text`] puts all this together.
//! There are no pages: Word breaks pages when it shows a document.

mod header;
mod pages;
mod paragraphs;
mod pieces;
mod runs;
mod styles;
mod text;

use super::compound::Compound;
use super::encrypted;
use super::xml::malformed;
use crate::block::Document;
use crate::detect::FileType;
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use header::Header;
use paragraphs::Paragraphs;
use pieces::Pieces;
use runs::DeletedRuns;
use styles::Styles;
use text::Text;

/// Reads a document.
///
/// # Errors
/// `parse.truncated`, `parse.encrypted`, `parse.malformed`.
pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    let mut file = Compound::open(bytes, "DOC", limits)?;
    let main = file
        .stream("/WordDocument")
        .ok_or_else(|| malformed("the file has no stream `WordDocument`, so it is no document"))?;
    let header = Header::read(&main).ok_or_else(|| {
        ParseError::new(
            ErrorCode::Truncated,
            "the document ends within its header; get it again",
        )
    })?;
    if header.is_encrypted {
        return Err(encrypted(FileType::Doc));
    }
    let table = match header.table {
        Some(name) => file.stream(name).unwrap_or_default(),
        None => Vec::new(),
    };
    let mut builder = DocumentBuilder::new(FileType::Doc);
    let pieces = Pieces::read(&header, &main, &table)
        .ok_or_else(|| malformed("the list of the document's pieces of text is damaged"))?;
    let paragraphs = Paragraphs::read(&header, &main, &table);
    let deleted = DeletedRuns::read(&header, &main, &table);
    let styles = Styles::read(&header, &table);
    let text = Text {
        header: &header,
        main: &main,
        pieces: &pieces,
        paragraphs: &paragraphs,
        deleted: &deleted,
        styles: &styles,
        limits,
    };
    text.read(&mut builder);
    Ok(builder.finish())
}

#[cfg(test)]
mod tests {
    use crate::block::{BlockKind, Document};
    use crate::error::{ErrorCode, ParseError};
    use crate::limits::Limits;
    use crate::parse::parse_bytes;
    use crate::parse::test_package::compound;

    const PAGE: usize = 512;

    /// A document of Word 97 with two pieces, and a page with the properties of its paragraphs: for each its size in
    /// bytes and its list of properties.
    fn parse(marks: u16, text: &str, paragraphs: &[(u32, &[u8])]) -> Result<Document, ParseError> {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let characters = (units.len() / 2) as u32;
        let mut main = vec![0; 3 * PAGE];
        let put = |bytes: &mut Vec<u8>, at: usize, value: &[u8]| {
            bytes[at..at + value.len()].copy_from_slice(value);
        };
        // The page of properties: places, an entry each, and the lists from the end on.
        let page = 2 * PAGE;
        let mut place = PAGE as u32;
        let mut list_at = PAGE - 2;
        for (index, (size, list)) in paragraphs.iter().enumerate() {
            put(&mut main, page + 4 * index, &place.to_le_bytes());
            place += size;
            list_at = (list_at - list.len() - 2) & !1;
            let words = [0, list.len().div_ceil(2) as u8];
            put(&mut main, page + list_at, &words);
            put(&mut main, page + list_at + 2, list);
            let entry = 4 * (paragraphs.len() + 1) + 13 * index;
            put(&mut main, page + entry, &[(list_at / 2) as u8]);
        }
        put(&mut main, page + 4 * paragraphs.len(), &place.to_le_bytes());
        put(&mut main, 3 * PAGE - 1, &[paragraphs.len() as u8]);
        put(&mut main, PAGE, &units);

        let pages = [512_u32, place, 2].map(u32::to_le_bytes).concat();
        let mut pieces = vec![2];
        pieces.extend(16_u32.to_le_bytes());
        pieces.extend([0, characters].map(u32::to_le_bytes).concat());
        pieces.extend([0, 0]);
        pieces.extend((PAGE as u32).to_le_bytes());
        pieces.extend([0, 0]);
        let table = [pages.clone(), pieces.clone()].concat();

        put(&mut main, 0, &[0xEC, 0xA5, 0xC1, 0x00]);
        put(&mut main, 0x0A, &marks.to_le_bytes());
        put(&mut main, 0x4C, &characters.to_le_bytes());
        put(&mut main, 0x102, &[0, 0, 0, 0, pages.len() as u8]);
        put(
            &mut main,
            0x1A2,
            &[pages.len() as u8, 0, 0, 0, pieces.len() as u8],
        );
        let bytes = compound(&[("WordDocument", &main), ("0Table", &table)]);
        let document = parse_bytes(&bytes, None, &Limits::default())?;
        document.check().unwrap();
        Ok(document)
    }

    #[test]
    fn paragraphs_are_what_their_properties_say() {
        let document = parse(
            0,
            "标题\rone\u{13}HYPERLINK\u{14}two\u{15}\u{0B}x\rk\u{07}v\u{07}\u{07}",
            &[
                (6, &[1, 0]),
                (42, &[0, 0]),
                (4, &[0, 0, 0x16, 0x24, 1]),
                (4, &[0, 0, 0x16, 0x24, 1]),
                (2, &[0, 0, 0x16, 0x24, 1, 0x17, 0x24, 1]),
            ],
        )
        .unwrap();
        let blocks: Vec<_> = document
            .blocks
            .iter()
            .map(|block| (block.kind, &document.text[block.start..block.end]))
            .collect();
        assert_eq!(
            blocks,
            [
                (BlockKind::Heading(1), "标题"),
                (BlockKind::Paragraph, "onetwo\nx"),
                (BlockKind::Table, "k | v"),
            ]
        );
    }

    #[test]
    fn protected_documents_say_so() {
        let error = parse(0x0100, "x\r", &[(4, &[0, 0])]).unwrap_err();
        assert_eq!(error.code, ErrorCode::Encrypted);
    }
}
