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
/// boundaries; between blocks there is only white space; the text is NFC and holds no NUL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The detected type, as in [`crate::detect`]: `pdf`, `docx`, `html`, `markdown`, `text`, `csv`, `json`.
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
        Ok(())
    }
}
