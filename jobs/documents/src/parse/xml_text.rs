//! XML as text: records, prose, tables and headings, told by shape and not by vocabulary where that is possible.
//!
//! An element is *prose* if it has character data of its own; its text is what is left without the tags. An element with
//! nothing but elements in it is a *record*: those of its children that are prose become lines `name: value` of one
//! block, as do its attributes. A few names are known for what they mean in most vocabularies for documents (`title`,
//! `section`, `para`, `row`).
//!
//! Elements are read as they come; no tree is built. Entities are not expanded, whether they come from the file or from
//! outside.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::xml::{malformed, resolve};
use crate::block::BlockKind;
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;

/// Text of this size is a block of its own and no value of a record.
const PROSE_BYTES: usize = 400;
/// Text of this size is a block of its own even within other text: handing it up copies it for each element around it.
const INLINE_BYTES: usize = 4096;
/// Lines of a record are a block at this size.
const BLOCK_BYTES: usize = 2048;
const MAX_NAME_BYTES: usize = 80;

/// Pushes the blocks of `text`. What comes after damage is left out with a warning.
///
/// # Errors
/// `parse.limit` (nesting); `parse.malformed` if nothing can be read.
pub(super) fn parse(
    text: &str,
    limits: &Limits,
    builder: &mut DocumentBuilder,
) -> Result<(), ParseError> {
    let mut reader = Reader::from_str(text);
    // Damaged files have mismatched tags, and their text is worth having.
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    reader.config_mut().allow_dangling_amp = true;
    let mut walk = Walk {
        builder,
        open: Vec::new(),
        sections: 0,
        pending_from: usize::MAX,
    };
    loop {
        match reader.read_event() {
            Ok(Event::Start(element)) => {
                if walk.open.len() >= limits.max_nesting {
                    return Err(too_deep(limits));
                }
                walk.start(&element);
            }
            Ok(Event::Empty(element)) => {
                walk.start(&element);
                walk.end();
            }
            Ok(Event::End(_)) => walk.end(),
            Ok(Event::Text(text)) => walk.text(&text.xml10_content()),
            Ok(Event::CData(text)) => walk.text(&text.xml10_content()),
            Ok(Event::GeneralRef(reference)) => match resolve(&reference) {
                Some(character) => walk.text(character.encode_utf8(&mut [0; 4])),
                None => walk
                    .builder
                    .warn("entities of the document were not expanded"),
            },
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => {
                let place = format!("at byte {}: {error}", reader.error_position());
                walk.finish();
                if walk.builder.is_empty() {
                    return Err(malformed(format!("damaged XML {place}")));
                }
                walk.builder
                    .warn(format!("damaged XML {place}; the text before it was read"));
                return Ok(());
            }
        }
    }
    walk.finish();
    Ok(())
}

fn too_deep(limits: &Limits) -> ParseError {
    ParseError::new(
        ErrorCode::Limit,
        format!(
            "elements are nested more than {} levels deep",
            limits.max_nesting
        ),
    )
}

/// An open element.
#[derive(Default)]
struct Open {
    name: String,
    role: Role,
    attributes: Vec<(String, String)>,
    /// Its text in order, that of its children included.
    run: String,
    /// Its children that are prose, as name and text; the same text is in the run, until it shows which of both is wanted.
    fields: Vec<(String, String)>,
    /// Has character data of its own.
    is_prose: bool,
    has_children: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Role {
    /// Says nothing by its name.
    #[default]
    Any,
    Section,
    Heading,
    Paragraph,
    Item,
    Code,
    Row,
}

/// What names mean in DocBook, JATS, TEI, DITA, FictionBook and their like.
fn role(name: &str) -> Role {
    match name {
        "section" | "sect1" | "sect2" | "sect3" | "sect4" | "sect5" | "sec" | "chapter"
        | "article" | "book" | "part" | "appendix" | "preface" | "refsect1" | "refsect2"
        | "div" | "div1" | "div2" | "div3" | "topic" => Role::Section,
        "title" | "head" | "heading" => Role::Heading,
        "para" | "simpara" | "p" | "abstract" => Role::Paragraph,
        "listitem" | "li" | "item" | "list-item" => Role::Item,
        "programlisting" | "screen" | "literallayout" | "codeblock" | "code" | "pre" => Role::Code,
        "row" | "tr" => Role::Row,
        _ => Role::Any,
    }
}

struct Walk<'a> {
    builder: &'a mut DocumentBuilder,
    open: Vec<Open>,
    sections: u8,
    /// Elements before this one have nothing that waits to be pushed.
    pending_from: usize,
}

impl Walk<'_> {
    fn start(&mut self, element: &BytesStart<'_>) {
        if let Some(parent) = self.open.last_mut() {
            parent.has_children = true;
        }
        let name = clip(element.local_name().as_ref()).to_owned();
        let role = role(&name);
        if role == Role::Section {
            self.sections = self.sections.saturating_add(1);
        }
        self.open.push(Open {
            role,
            attributes: if role == Role::Any {
                attributes(element)
            } else {
                Vec::new()
            },
            name,
            ..Open::default()
        });
    }

    fn text(&mut self, text: &str) {
        let depth = self.open.len();
        let Some(open) = self.open.last_mut() else {
            return;
        };
        open.run.push_str(text);
        if !text.trim().is_empty() {
            open.is_prose = true;
            self.pending_from = self.pending_from.min(depth - 1);
        }
    }

    fn end(&mut self) {
        let Some(open) = self.open.pop() else { return };
        if open.role == Role::Section {
            self.sections = self.sections.saturating_sub(1);
        }
        if open.is_prose {
            self.end_prose(open);
        } else {
            self.end_record(open);
        }
        if self.pending_from >= self.open.len() {
            self.pending_from = usize::MAX;
        }
    }

    /// Text with a role is a block; other text is handed up, and the element around it decides.
    fn end_prose(&mut self, open: Open) {
        let parent = self.open.last();
        let in_document = parent.is_some_and(|parent| parent.role == Role::Section);
        let in_prose = parent.is_some_and(|parent| parent.is_prose);
        let inline_bytes = if in_prose { INLINE_BYTES } else { PROSE_BYTES };
        let kind = match open.role {
            Role::Heading if in_document => Some(BlockKind::Heading(self.sections.clamp(1, 9))),
            Role::Paragraph | Role::Section if self.within(Role::Item) => Some(BlockKind::ListItem),
            Role::Paragraph | Role::Section => Some(BlockKind::Paragraph),
            Role::Item if !in_prose && self.sections > 0 => Some(BlockKind::ListItem),
            Role::Code if !in_prose => Some(BlockKind::Code),
            _ if parent.is_none() || open.run.len() > inline_bytes => Some(BlockKind::Paragraph),
            _ => None,
        };
        if let Some(kind) = kind.filter(|_| !self.within(Role::Row)) {
            self.flush();
            if matches!(kind, BlockKind::Heading(_)) {
                self.builder.set_title(&open.run);
            }
            if kind == BlockKind::Code {
                return self.builder.push(kind, &open.run);
            }
            return self.builder.push(kind, &collapsed(&open.run));
        }
        self.hand_up(open);
    }

    fn hand_up(&mut self, open: Open) {
        let depth = self.open.len();
        let Some(parent) = self.open.last_mut() else {
            return;
        };
        let text = collapsed(&open.run);
        parent.run.push_str(&open.run);
        // Elements in a record have no blank between them.
        if !parent.is_prose {
            parent.run.push(' ');
        }
        parent.fields.push((open.name, text));
        self.pending_from = self.pending_from.min(depth - 1);
    }

    /// An element without text of its own: a row of a table, a record, or a box around others.
    fn end_record(&mut self, open: Open) {
        if open.role == Role::Row && !open.fields.is_empty() {
            let cells: Vec<&str> = open.fields.iter().map(|(_, text)| text.as_str()).collect();
            let row = cells.join(" | ");
            self.flush();
            return self.builder.push(BlockKind::Table, &row);
        }
        if open.has_children
            && self.within(Role::Row)
            && let Some(parent) = self.open.last_mut()
        {
            let texts: Vec<String> = open.fields.into_iter().map(|(_, text)| text).collect();
            parent.fields.push((open.name, texts.join(" ")));
            return;
        }
        if !open.has_children
            && let Some(parent) = self.open.last_mut()
        {
            if parent.is_prose || parent.role == Role::Row {
                // A break, an anchor, an empty cell.
                parent.run.push(' ');
                if parent.role == Role::Row {
                    parent.fields.push((open.name, String::new()));
                }
                return;
            }
            if open.attributes.is_empty() {
                return;
            }
            let values: Vec<String> = open
                .attributes
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            parent.fields.push((open.name, values.join(", ")));
            self.pending_from = self.pending_from.min(self.open.len() - 1);
            return;
        }
        self.flush();
        push_record(self.builder, &open.name, open.attributes, open.fields);
    }

    /// Pushes what waits in the open elements, outermost first: something that comes after it is about to be pushed.
    fn flush(&mut self) {
        let from = self.pending_from;
        self.pending_from = usize::MAX;
        for open in self.open.iter_mut().skip(from) {
            let run = std::mem::take(&mut open.run);
            let fields = std::mem::take(&mut open.fields);
            if open.is_prose {
                self.builder.push(BlockKind::Paragraph, &collapsed(&run));
            } else {
                let attributes = std::mem::take(&mut open.attributes);
                push_record(self.builder, &open.name, attributes, fields);
            }
        }
    }

    fn within(&self, role: Role) -> bool {
        self.open.iter().rev().take(8).any(|open| open.role == role)
    }

    /// Closes what the file left open.
    fn finish(&mut self) {
        while !self.open.is_empty() {
            self.end();
        }
    }
}

/// Pushes the attributes and the fields of a record as lines.
fn push_record(
    builder: &mut DocumentBuilder,
    name: &str,
    attributes: Vec<(String, String)>,
    fields: Vec<(String, String)>,
) {
    let lone = attributes.is_empty() && fields.len() == 1;
    let mut block = String::new();
    for (field, value) in attributes.into_iter().chain(fields) {
        if !block.is_empty() {
            block.push('\n');
        }
        // One value needs the name of its record too.
        if lone {
            block.push_str(name);
            block.push('.');
        }
        block.push_str(&field);
        block.push_str(": ");
        block.push_str(&value);
        if block.len() >= BLOCK_BYTES {
            builder.push(BlockKind::Paragraph, &block);
            block.clear();
        }
    }
    builder.push(BlockKind::Paragraph, &block);
}

/// The attributes that say something: no namespaces, no hints for processors.
fn attributes(element: &BytesStart<'_>) -> Vec<(String, String)> {
    element
        .attributes()
        .with_checks(false)
        .flatten()
        .filter(|attribute| {
            let name = attribute.key.as_ref();
            name != "xmlns" && !name.starts_with("xmlns:") && !name.starts_with("xsi:")
        })
        .filter_map(|attribute| {
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .ok()?;
            let name = clip(attribute.key.local_name().as_ref()).to_owned();
            (!value.trim().is_empty()).then(|| (name, value.into_owned()))
        })
        .collect()
}

/// A break in the source is a blank.
fn collapsed(run: &str) -> String {
    let mut out = String::with_capacity(run.len());
    for word in run.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

fn clip(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME_BYTES)]
}

#[cfg(test)]
mod tests {
    use crate::block::{BlockKind, Document};
    use crate::error::{ErrorCode, ParseError};
    use crate::limits::Limits;
    use crate::parse::parse_bytes;

    fn try_parse(xml: &str) -> Result<Document, ParseError> {
        let document = parse_bytes(xml.as_bytes(), Some("xml"), &Limits::default())?;
        document.check().unwrap();
        assert_eq!(document.file_type, "xml");
        Ok(document)
    }

    fn parse(xml: &str) -> Document {
        try_parse(xml).unwrap()
    }

    #[test]
    fn records_are_blocks_of_lines() {
        let document = parse(
            "<?xml version='1.0'?><people xmlns='urn:x'><person id='1'><name>Ann &amp; Bo</name><age>30</age>\
             </person>\n<person id='2'><name>Cy</name><home><city>Bonn</city></home></person><empty/></people>",
        );
        assert_eq!(
            document.text,
            "id: 1\nname: Ann & Bo\nage: 30\n\nid: 2\nname: Cy\n\nhome.city: Bonn"
        );
    }

    #[test]
    fn documents_have_headings_paragraphs_and_tables() {
        let document = parse(
            "<article><title>The <b>Guide</b></title><section><title>One</title><para>some <em>mixed</em>\n text\
             </para><para>more</para><table><row><entry>k</entry><entry>v</entry></row><row><entry><p>1</p></entry><entry/>\
             </row></table><programlisting>a\n  b</programlisting><list><listitem><para>x</para></listitem></list>\
             </section></article>",
        );
        assert_eq!(document.title.as_deref(), Some("The Guide"));
        assert_eq!(
            document.text,
            "The Guide\n\nOne\n\nsome mixed text\n\nmore\n\nk | v\n1 |\n\na\n  b\n\nx"
        );
        let kinds: Vec<BlockKind> = document.blocks.iter().map(|block| block.kind).collect();
        assert_eq!(kinds[..2], [BlockKind::Heading(1), BlockKind::Heading(2)]);
        assert_eq!(
            kinds[4..],
            [
                BlockKind::Table,
                BlockKind::Table,
                BlockKind::Code,
                BlockKind::ListItem
            ]
        );
    }

    #[test]
    fn order_is_kept_around_blocks_in_text() {
        let long = "word ".repeat(1000);
        let document = parse(&format!("<a>before <b>{long}</b> after <c>x</c></a>"));
        assert_eq!(
            document.text,
            format!("before\n\n{}\n\nafter x", long.trim())
        );
    }

    #[test]
    fn entities_are_never_expanded() {
        let document = parse(
            "<!DOCTYPE r [<!ENTITY a \"boom\"><!ENTITY x SYSTEM \"file:///etc/passwd\">]><r>1 &a;&x; 2 &#65;</r>",
        );
        assert_eq!(document.text, "1 2 A");
        assert_eq!(
            document.warnings,
            ["entities of the document were not expanded"]
        );
    }

    #[test]
    fn damage_costs_what_comes_after_it() {
        let document = parse("<a><b>one</b><c>two</c> <d attr='>");
        assert_eq!(document.text, "b: one\nc: two");
        assert_eq!(document.warnings.len(), 1);
        assert_eq!(try_parse("<a <b <").unwrap_err().code, ErrorCode::Malformed);
        assert_eq!(
            try_parse(&"<a>".repeat(2000)).unwrap_err().code,
            ErrorCode::Limit
        );
        assert_eq!(
            parse("<a>mis<b>matched</a> tags</b>").text,
            "mismatched tags"
        );
    }

    #[test]
    fn deep_prose_takes_linear_time() {
        let xml = format!(
            "{}{}{}",
            "<i>t".repeat(900),
            "word ".repeat(100_000),
            "</i>".repeat(900)
        );
        assert!(parse(&xml).text.len() > 400_000);
    }

    proptest::proptest! {
        #[test]
        fn any_markup_keeps_the_invariants(
            xml in "(<(a|title|section|para|row|li|code)( x='1')?/?>|</(a|title|section|para|row|li|code)>|&(amp|x|#65);|<!\\[CDATA\\[|\\]\\]>|<!--|-->|<\\?p |[ a-z文\n]){0,60}",
        ) {
            if let Ok(document) = parse_bytes(xml.as_bytes(), Some("xml"), &Limits::default()) {
                proptest::prop_assert_eq!(document.check(), Ok(()));
            }
        }
    }
}
