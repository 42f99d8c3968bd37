//! A parsed document: one text, and blocks that say what each part of it is and where it came from.

use serde::{Deserialize, Serialize};

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// A heading of this level, 1–9.
    Heading(u8),
    /// Running text.
    Paragraph,
    /// One item of a list.
    ListItem,
    /// A table, or a part of one: a line a row, cells separated by ` | `.
    Table,
    /// Preformatted text.
    Code,
    /// Belongs to a figure or table.
    Caption,
    /// Quoted text.
    Quote,
}

/// A part of a document's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// First byte in [`Document::text`].
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Page (or slide, or sheet), from 1; `None` where the format has none.
    pub page: Option<u32>,
    /// The headings above it, outermost first. A heading's own text is not in its path.
    pub heading_path: Vec<String>,
}

/// A page, slide or sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// First byte in [`Document::text`].
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A document as text with structure.
///
/// Invariants (checked by [`Document::check`]): blocks and pages are in order, do not overlap and lie on character
/// boundaries; between blocks there is only white space; a block lies within its page, if it names one; the text is
/// NFC and holds no NUL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The detected type, as in [`crate::detect`]: `pdf`, `docx`, `html`, `eml`, `zip`. A compressed file has the type of
    /// what is in it.
    pub file_type: String,
    /// The encoding the bytes were in, where that was a question: `utf-8`, `gb18030`.
    pub encoding: Option<String>,
    /// The main language, ISO 639-3: `eng`, `cmn`.
    pub language: Option<String>,
    /// The title the document gives itself.
    pub title: Option<String>,
    /// The whole text, normalised.
    pub text: String,
    /// Its parts.
    pub blocks: Vec<Block>,
    /// Its pages; empty where the format has none.
    pub pages: Vec<Page>,
    /// What was left out or mended, one sentence each: "stopped after 10,000 pages".
    pub warnings: Vec<String>,
}

impl Document {
    /// Checks the invariants.
    ///
    /// # Errors
    /// The first broken one, in words.
    pub fn check(&self) -> Result<(), String> {
        let mut last_end = 0;
        for (index, block) in self.blocks.iter().enumerate() {
            if block.start > block.end || block.end > self.text.len() || block.start < last_end {
                return Err(format!(
                    "block {index} has range {}..{} after {last_end}",
                    block.start, block.end
                ));
            }
            let Some(gap) = self.text.get(last_end..block.start) else {
                return Err(format!("block {index} does not start on a character"));
            };
            if !gap.trim().is_empty() {
                return Err(format!("text before block {index} is in no block"));
            }
            if !self.text.is_char_boundary(block.end) {
                return Err(format!("block {index} does not end on a character"));
            }
            last_end = block.end;
        }
        if !self.text[last_end..].trim().is_empty() {
            return Err("text after the last block is in no block".to_owned());
        }
        if self.text.contains('\0') {
            return Err("the text holds a NUL".to_owned());
        }
        if !unicode_normalization::is_nfc(&self.text) {
            return Err("the text is not NFC".to_owned());
        }
        self.check_pages()
    }

    /// Pages rise, do not overlap, and hold the blocks that name them.
    fn check_pages(&self) -> Result<(), String> {
        let (mut last_number, mut last_end) = (0, 0);
        for page in &self.pages {
            if page.number <= last_number {
                return Err(format!(
                    "page {} comes after page {last_number}",
                    page.number
                ));
            }
            if page.start < last_end || self.text.get(page.start..page.end).is_none() {
                return Err(format!(
                    "page {} has range {}..{} after {last_end}",
                    page.number, page.start, page.end
                ));
            }
            (last_number, last_end) = (page.number, page.end);
        }
        for (index, block) in self.blocks.iter().enumerate() {
            let Some(number) = block.page else { continue };
            let page = self.pages.binary_search_by_key(&number, |page| page.number);
            let holds = page.is_ok_and(|at| {
                self.pages[at].start <= block.start && block.end <= self.pages[at].end
            });
            if !holds {
                return Err(format!("block {index} is not within its page {number}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Damage = fn(&mut Document);

    fn document() -> Document {
        let block = |start, end, page| Block {
            kind: BlockKind::Paragraph,
            start,
            end,
            page: Some(page),
            heading_path: Vec::new(),
        };
        let page = |number, start, end| Page { number, start, end };
        Document {
            text: "one\n\ntwo".to_owned(),
            blocks: vec![block(0, 3, 1), block(5, 8, 2)],
            pages: vec![page(1, 0, 3), page(2, 5, 8)],
            ..Document::default()
        }
    }

    #[test]
    fn broken_invariants_are_named() {
        assert_eq!(document().check(), Ok(()));
        let broken: [(Damage, &str); 5] = [
            (
                |d| d.blocks[1].start = 6,
                "text before block 1 is in no block",
            ),
            (|d| d.pages.swap(0, 1), "page 1 comes after page 2"),
            (|d| d.pages[0].end = 6, "page 2 has range 5..8 after 6"),
            (
                |d| d.blocks[1].page = Some(1),
                "block 1 is not within its page 1",
            ),
            (
                |d| d.text = "e\u{301}\n\ntwo".to_owned(),
                "the text is not NFC",
            ),
        ];
        for (damage, message) in broken {
            let mut document = document();
            damage(&mut document);
            assert_eq!(document.check(), Err(message.to_owned()));
        }
    }
}
