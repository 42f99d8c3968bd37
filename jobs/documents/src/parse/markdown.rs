//! Markdown (CommonMark with tables, footnotes, task lists and front matter).
//!
//! The text is what a reader sees: link targets and markup go, front matter is kept out except for its title. HTML
//! blocks are read as HTML.

use pulldown_cmark::{Event, HeadingLevel, MetadataBlockKind, Options, Parser, Tag, TagEnd};

use super::html;
use crate::block::BlockKind;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;

/// Pushes the blocks of `text`.
pub(super) fn parse(text: &str, limits: &Limits, builder: &mut DocumentBuilder) {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    let mut reader = Reader {
        builder,
        limits,
        run: String::new(),
        html: String::new(),
        lists: 0,
        quotes: 0,
        metadata: false,
    };
    for event in Parser::new_ext(text, options) {
        reader.event(event);
    }
    reader.flush(BlockKind::Paragraph);
}

struct Reader<'a> {
    builder: &'a mut DocumentBuilder,
    limits: &'a Limits,
    /// Text of the block that is open.
    run: String,
    html: String,
    lists: usize,
    quotes: usize,
    metadata: bool,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text)
            | Event::Code(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text) => {
                self.run.push_str(&text);
            }
            Event::Html(html) => self.html.push_str(&html),
            Event::InlineHtml(tag) => {
                if tag.starts_with("<br") {
                    self.run.push('\n');
                }
            }
            Event::SoftBreak => self.run.push(' '),
            Event::HardBreak => self.run.push('\n'),
            Event::TaskListMarker(done) => self.run.push_str(if done { "[x] " } else { "[ ] " }),
            Event::FootnoteReference(_) | Event::Rule => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::List(_) => {
                self.flush(self.flowing_kind());
                self.lists += 1;
            }
            Tag::BlockQuote(_) => {
                self.flush(self.flowing_kind());
                self.quotes += 1;
            }
            Tag::Item | Tag::Heading { .. } | Tag::Table(_) | Tag::CodeBlock(_) => {
                self.flush(self.flowing_kind());
            }
            Tag::MetadataBlock(MetadataBlockKind::YamlStyle | MetadataBlockKind::PlusesStyle) => {
                self.metadata = true;
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::FootnoteDefinition | TagEnd::Item => {
                self.flush(self.flowing_kind());
            }
            TagEnd::Heading(level) => {
                if level == HeadingLevel::H1 {
                    self.builder.set_title(&self.run);
                }
                self.flush(BlockKind::Heading(level as u8));
            }
            TagEnd::List(_) => {
                self.flush(self.flowing_kind());
                self.lists = self.lists.saturating_sub(1);
            }
            TagEnd::BlockQuote(_) => {
                self.flush(self.flowing_kind());
                self.quotes = self.quotes.saturating_sub(1);
            }
            TagEnd::CodeBlock => self.flush(BlockKind::Code),
            TagEnd::TableCell => self.run.push_str(" | "),
            TagEnd::TableRow | TagEnd::TableHead => {
                let row = self.run.trim_end_matches([' ', '|']).len();
                self.run.truncate(row);
                self.flush(BlockKind::Table);
            }
            TagEnd::HtmlBlock => {
                self.flush(self.flowing_kind());
                html::parse(&std::mem::take(&mut self.html), self.limits, self.builder);
            }
            TagEnd::MetadataBlock(_) => {
                self.metadata = false;
                self.take_front_matter();
            }
            _ => {}
        }
    }

    fn flowing_kind(&self) -> BlockKind {
        if self.lists > 0 {
            BlockKind::ListItem
        } else if self.quotes > 0 {
            BlockKind::Quote
        } else {
            BlockKind::Paragraph
        }
    }

    fn flush(&mut self, kind: BlockKind) {
        if !self.metadata {
            self.builder.push(kind, &self.run);
            self.run.clear();
        }
    }

    fn take_front_matter(&mut self) {
        let title = self.run.lines().find_map(|line| {
            let value = line
                .strip_prefix("title")?
                .trim_start()
                .strip_prefix([':', '='])?;
            Some(value.trim().trim_matches(['"', '\'']))
        });
        if let Some(title) = title {
            self.builder.set_title(title);
        }
        self.run.clear();
    }
}

#[cfg(test)]
mod tests {
    use crate::block::{BlockKind, Document};
    use crate::limits::Limits;
    use crate::parse::parse_bytes;

    fn parse(text: &str) -> Document {
        let document = parse_bytes(text.as_bytes(), Some("md"), &Limits::default()).unwrap();
        document.check().unwrap();
        document
    }

    #[test]
    fn structure_is_kept_and_markup_goes() {
        let document = parse(
            "---\ntitle: \"The Guide\"\n---\n# One\n\nSee [the *page*](https://example.org/x).\n\n- a\n- b\n  - c\n\n\
             > quoted\n\n```rust\nfn main() {}\n```\n\n| k | v |\n|---|---|\n| 1 | 2 |\n",
        );
        assert_eq!(document.title.as_deref(), Some("The Guide"));
        assert_eq!(
            document.text,
            "One\n\nSee the page.\n\na\nb\nc\n\nquoted\n\nfn main() {}\n\nk | v\n1 | 2"
        );
        let kinds: Vec<BlockKind> = document.blocks.iter().map(|block| block.kind).collect();
        assert_eq!(
            kinds,
            [
                BlockKind::Heading(1),
                BlockKind::Paragraph,
                BlockKind::ListItem,
                BlockKind::ListItem,
                BlockKind::ListItem,
                BlockKind::Quote,
                BlockKind::Code,
                BlockKind::Table,
                BlockKind::Table,
            ]
        );
    }

    #[test]
    fn html_blocks_are_read_as_html() {
        assert_eq!(
            parse("a\n\n<div><b>bold</b><script>x()</script></div>\n\nb").text,
            "a\n\nbold\n\nb"
        );
    }
}
