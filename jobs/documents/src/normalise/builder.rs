//! Assembles a [`Document`] so that its invariants hold by construction.

use super::{flowing, language, preformatted};
use crate::block::{Block, BlockKind, Document, Page};
use crate::detect::FileType;

/// A heading's entry in the path of its blocks. Every block below repeats it, so it is bounded.
const MAX_PATH_ENTRY_CHARS: usize = 160;
/// Longer "headings" are paragraphs that somebody styled.
const MAX_HEADING_CHARS: usize = 600;
const MAX_TITLE_CHARS: usize = 500;
const MAX_WARNINGS: usize = 20;

/// Takes blocks in reading order; keeps the heading path, the pages and the offsets.
///
/// Pushed text may be raw: it is normalised here. Blocks without text vanish.
pub(crate) struct DocumentBuilder {
    document: Document,
    /// The open headings, outermost first, with their levels.
    headings: Vec<(u8, String)>,
    page: Option<u32>,
    /// What the document says about its language; counts where its text does not tell.
    declared_language: Option<String>,
    /// Warnings beyond the bound.
    more_warnings: usize,
}

impl DocumentBuilder {
    pub(crate) fn new(file_type: FileType) -> Self {
        Self {
            document: Document {
                file_type: file_type.as_str().to_owned(),
                ..Document::default()
            },
            headings: Vec::new(),
            page: None,
            declared_language: None,
            more_warnings: 0,
        }
    }

    pub(crate) fn set_encoding(&mut self, name: &str, lossy: bool) {
        self.document.encoding = Some(name.to_owned());
        if lossy {
            self.warn(format!("some bytes are not valid {name} and were replaced"));
        }
    }

    /// Sets the title if there is none yet.
    pub(crate) fn set_title(&mut self, raw: &str) {
        let title = flowing(raw).replace('\n', " ");
        if self.document.title.is_none() && !title.is_empty() {
            self.document.title = Some(clip_chars(&title, MAX_TITLE_CHARS).to_owned());
        }
    }

    /// Sets the language that the document names itself, as a tag like `en-GB`; unknown ones say nothing.
    pub(crate) fn set_declared_language(&mut self, tag: &str) {
        self.declared_language = language::from_tag(tag).map(str::to_owned);
    }

    /// Records what was left out or mended; repeated warnings count once.
    pub(crate) fn warn(&mut self, warning: impl Into<String>) {
        let warning = warning.into();
        let warnings = &mut self.document.warnings;
        if warnings.contains(&warning) {
            return;
        }
        if warnings.len() < MAX_WARNINGS {
            warnings.push(warning);
        } else {
            self.more_warnings += 1;
        }
    }

    /// Tells whether nothing was pushed yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.document.blocks.is_empty()
    }

    /// Appends what another document says, as a section: its headings are lowered by `levels`, its pages go, and its
    /// warnings begin with `name`.
    pub(crate) fn append(&mut self, name: &str, section: &Document, levels: u8) {
        for block in &section.blocks {
            let kind = match block.kind {
                BlockKind::Heading(level) => BlockKind::Heading(level.saturating_add(levels)),
                kind => kind,
            };
            if let Some(text) = section.text.get(block.start..block.end) {
                self.push(kind, text);
            }
        }
        for warning in &section.warnings {
            self.warn(format!("`{name}`: {warning}"));
        }
    }

    /// Starts a page; what is pushed from now on lies on it. Numbers must rise.
    pub(crate) fn begin_page(&mut self, number: u32) {
        self.page = Some(number);
        let at = self.document.text.len();
        self.document.pages.push(Page {
            number,
            start: at,
            end: at,
        });
    }

    /// Appends a block.
    pub(crate) fn push(&mut self, kind: BlockKind, raw: &str) {
        let (kind, text) = match kind {
            BlockKind::Code => (kind, preformatted(raw)),
            BlockKind::Heading(level) => {
                // Sphinx and others print a link mark after each heading.
                let text = flowing(raw).replace('\n', " ");
                let text = text.trim_end_matches(['¶', ' ']).to_owned();
                if text.chars().count() > MAX_HEADING_CHARS {
                    (BlockKind::Paragraph, text)
                } else {
                    (BlockKind::Heading(level.clamp(1, 9)), text)
                }
            }
            _ => (kind, flowing(raw)),
        };
        if text.is_empty() {
            return;
        }
        if let BlockKind::Heading(level) = kind {
            self.headings.retain(|(open, _)| *open < level);
        }
        let document = &mut self.document;
        if let Some(last) = document.blocks.last() {
            let tight = matches!(
                (last.kind, kind),
                (BlockKind::ListItem, BlockKind::ListItem) | (BlockKind::Table, BlockKind::Table)
            );
            document.text.push_str(if tight { "\n" } else { "\n\n" });
        }
        let start = document.text.len();
        document.text.push_str(&text);
        let end = document.text.len();
        if let Some(page) = document.pages.last_mut() {
            if page.start == page.end {
                page.start = start;
            }
            page.end = end;
        }
        document.blocks.push(Block {
            kind,
            start,
            end,
            page: self.page,
            heading_path: self
                .headings
                .iter()
                .map(|(_, heading)| heading.clone())
                .collect(),
        });
        if let BlockKind::Heading(level) = kind {
            let entry = clip_chars(&text, MAX_PATH_ENTRY_CHARS).to_owned();
            self.headings.push((level, entry));
        }
    }

    /// Finishes the document: its language is told from its text.
    pub(crate) fn finish(mut self) -> Document {
        self.document.language =
            language::detect(&self.document.text).or(self.declared_language.take());
        if self.more_warnings > 0 {
            let more = format!("{} more warnings were left out", self.more_warnings);
            self.document.warnings.push(more);
        }
        self.document
    }
}

fn clip_chars(text: &str, count: usize) -> &str {
    text.char_indices()
        .nth(count)
        .map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heading_path_follows_levels() {
        let mut builder = DocumentBuilder::new(FileType::Text);
        for (kind, text) in [
            (BlockKind::Heading(1), "One"),
            (BlockKind::Heading(3), "Deep"),
            (BlockKind::Paragraph, "a"),
            (BlockKind::Heading(2), "Two"),
            (BlockKind::Paragraph, "b"),
        ] {
            builder.push(kind, text);
        }
        let document = builder.finish();
        document.check().unwrap();
        let paths: Vec<String> = document
            .blocks
            .iter()
            .map(|block| block.heading_path.join("/"))
            .collect();
        assert_eq!(paths, ["", "One", "One/Deep", "One", "One/Two"]);
    }

    #[test]
    fn empty_pages_keep_their_number() {
        let mut builder = DocumentBuilder::new(FileType::Pdf);
        for page in 1..=3 {
            builder.begin_page(page);
            if page != 2 {
                builder.push(BlockKind::Paragraph, "text");
            }
        }
        let document = builder.finish();
        document.check().unwrap();
        assert_eq!(document.text, "text\n\ntext");
        assert_eq!(
            document
                .pages
                .iter()
                .map(|page| (page.start, page.end))
                .collect::<Vec<_>>(),
            [(0, 4), (4, 4), (6, 10)]
        );
    }

    #[test]
    fn sections_lie_below_their_heading() {
        let mut inner = DocumentBuilder::new(FileType::Text);
        inner.push(BlockKind::Heading(1), "Inner");
        inner.push(BlockKind::Paragraph, "text");
        inner.warn("cut");
        let mut outer = DocumentBuilder::new(FileType::Text);
        outer.push(BlockKind::Heading(1), "a.txt");
        outer.append("a.txt", &inner.finish(), 1);
        let document = outer.finish();
        document.check().unwrap();
        assert_eq!(document.text, "a.txt\n\nInner\n\ntext");
        assert_eq!(document.blocks[1].kind, BlockKind::Heading(2));
        assert_eq!(document.blocks[2].heading_path, ["a.txt", "Inner"]);
        assert_eq!(document.warnings, ["`a.txt`: cut"]);
    }

    #[test]
    fn warnings_are_bounded_and_the_rest_is_counted() {
        let mut builder = DocumentBuilder::new(FileType::Text);
        for number in 0..25 {
            builder.warn(format!("warning {number}"));
            builder.warn("warning 0");
        }
        let warnings = builder.finish().warnings;
        assert_eq!(warnings.len(), MAX_WARNINGS + 1);
        assert_eq!(warnings[MAX_WARNINGS], "5 more warnings were left out");
    }

    #[test]
    fn declared_language_counts_where_the_text_does_not_tell() {
        for (text, expected) in [("42", "deu"), ("知识图谱由实体和关系组成。", "cmn")]
        {
            let mut builder = DocumentBuilder::new(FileType::Text);
            builder.set_declared_language("de-AT");
            builder.push(BlockKind::Paragraph, text);
            assert_eq!(builder.finish().language.as_deref(), Some(expected));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_blocks_make_a_valid_document(blocks in proptest::collection::vec((0_u8..6, "\\PC{0,40}|[a-z\u{300}\\n ]{0,12}"), 0..20)) {
            let mut builder = DocumentBuilder::new(FileType::Text);
            for (index, (kind, text)) in blocks.into_iter().enumerate() {
                if index % 3 == 0 {
                    builder.begin_page(index as u32 + 1);
                }
                let kind = match kind {
                    0 => BlockKind::Heading(text.len() as u8),
                    1 => BlockKind::ListItem,
                    2 => BlockKind::Table,
                    3 => BlockKind::Code,
                    _ => BlockKind::Paragraph,
                };
                builder.push(kind, &text);
            }
            proptest::prop_assert_eq!(builder.finish().check(), Ok(()));
        }
    }
}
