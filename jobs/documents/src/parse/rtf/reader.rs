//! From tokens to paragraphs and rows.

use encoding_rs::{Encoding, WINDOWS_1252};

use super::destinations::{Destination, character, of_word};
use super::tables::{Fonts, Styles};
use super::tokens::{Token, Tokens};
use crate::block::BlockKind;
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use crate::parse::code_page;

/// What a group inherits from the one around it.
#[derive(Clone, Copy)]
struct Group {
    destination: Destination,
    encoding: &'static Encoding,
    is_code: bool,
    /// Characters that stand in for a Unicode character.
    stand_ins: usize,
    hidden: bool,
    style: i32,
    outline_level: Option<i32>,
    in_table: bool,
    in_list: bool,
}

/// Text around a note or a box, which goes on after it.
struct Suspended {
    /// Groups that were open before it.
    depth: usize,
    text: String,
    code_bytes: usize,
}

pub(super) struct Reader<'a> {
    limits: &'a Limits,
    builder: &'a mut DocumentBuilder,
    fonts: Fonts,
    styles: Styles,
    /// The encoding of fonts that do not name theirs.
    document_encoding: &'static Encoding,
    default_font: i32,
    group: Group,
    groups: Vec<Group>,
    /// Whether the group was just opened, and marked as ignorable.
    at_start: bool,
    ignorable: bool,
    /// Bytes in the group's encoding: a character may be written half as itself, half as `\'hh`.
    bytes: Vec<u8>,
    /// The first half of a character beyond the first plane.
    surrogate: Option<u16>,
    /// Stand-ins that are still to be skipped.
    skip: usize,
    text: String,
    code_bytes: usize,
    suspended: Vec<Suspended>,
    cell: String,
    row: Vec<String>,
    code: String,
    notes: Vec<String>,
    title: String,
    cells: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(limits: &'a Limits, builder: &'a mut DocumentBuilder) -> Self {
        Self {
            limits,
            builder,
            fonts: Fonts::default(),
            styles: Styles::default(),
            document_encoding: WINDOWS_1252,
            default_font: 0,
            group: Group {
                destination: Destination::Body,
                encoding: WINDOWS_1252,
                is_code: false,
                stand_ins: 1,
                hidden: false,
                style: 0,
                outline_level: None,
                in_table: false,
                in_list: false,
            },
            groups: Vec::new(),
            at_start: false,
            ignorable: false,
            bytes: Vec::new(),
            surrogate: None,
            skip: 0,
            text: String::new(),
            code_bytes: 0,
            suspended: Vec::new(),
            cell: String::new(),
            row: Vec::new(),
            code: String::new(),
            notes: Vec::new(),
            title: String::new(),
            cells: 0,
        }
    }

    /// Reads the whole document.
    pub(super) fn read(mut self, bytes: &[u8]) -> Result<(), ParseError> {
        let mut tokens = Tokens::new(bytes);
        while let Some(token) = tokens.next() {
            match token {
                Token::Open => self.open()?,
                Token::Close => {
                    self.close();
                    if self.groups.is_empty() {
                        // What follows the document is padding.
                        break;
                    }
                }
                Token::Word("bin", size) => {
                    let size = size.and_then(|size| usize::try_from(size).ok());
                    tokens.skip_bytes(size.unwrap_or(0));
                }
                Token::Word(word, parameter) => self.word(word, parameter),
                Token::Symbol(symbol) => self.symbol(symbol),
                Token::Byte(byte) => {
                    if self.skip > 0 {
                        self.skip -= 1;
                    } else {
                        self.push_bytes(&[byte]);
                    }
                }
                Token::Text(text) => {
                    let skipped = self.skip.min(text.len());
                    self.skip -= skipped;
                    self.push_bytes(text.get(skipped..).unwrap_or_default());
                }
            }
        }
        if !self.groups.is_empty() {
            self.builder
                .warn("the file ends too early; the text before its end was read");
        }
        self.finish();
        Ok(())
    }

    fn open(&mut self) -> Result<(), ParseError> {
        self.flush_bytes();
        self.skip = 0;
        if self.groups.len() >= self.limits.max_nesting {
            return Err(ParseError::new(
                ErrorCode::Limit,
                format!(
                    "groups are nested more than {} levels deep",
                    self.limits.max_nesting
                ),
            ));
        }
        self.groups.push(self.group);
        self.at_start = true;
        self.ignorable = false;
        if self.group.destination == Destination::StyleSheet {
            self.styles.begin();
        }
        Ok(())
    }

    fn close(&mut self) {
        self.flush_bytes();
        self.skip = 0;
        self.at_start = false;
        let Some(outer) = self.groups.pop() else {
            return;
        };
        while self
            .suspended
            .last()
            .is_some_and(|suspended| suspended.depth >= self.groups.len())
        {
            self.end_flow();
        }
        self.group = outer;
    }

    fn symbol(&mut self, symbol: u8) {
        if symbol == b'*' {
            self.ignorable = true;
            return;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        match symbol {
            b'~' => self.push("\u{A0}"),
            b'_' => self.push("\u{2011}"),
            // Others are invisible: an optional hyphen, marks of the index.
            _ => {}
        }
    }

    fn word(&mut self, word: &str, parameter: Option<i32>) {
        if self.at_start || self.ignorable {
            let destination = of_word(word).or(self.ignorable.then_some(Destination::Skipped));
            self.at_start = false;
            self.ignorable = false;
            if let Some(destination) = destination {
                return self.begin(word, destination);
            }
        } else if let Some(destination) = of_word(word) {
            return self.begin(word, destination);
        }
        if self.group.destination == Destination::Information && word == "title" {
            self.group.destination = Destination::Title;
            return;
        }
        // A word may stand in for a character, but a writer that left the stand-in out meant the next word.
        if self.skip > 0 && character(word).is_some() {
            self.skip -= 1;
            return;
        }
        let number = parameter.unwrap_or(0);
        match self.group.destination {
            Destination::FontTable => self.fonts.word(word, number),
            Destination::StyleSheet => self.styles.word(word, number),
            Destination::Skipped => {}
            _ => {
                let is_property = self.character_property(word, parameter)
                    || self.paragraph_property(word, number);
                if !is_property {
                    self.structure(word);
                }
            }
        }
    }

    /// Sends the text of the group elsewhere. Only the Unicode form of a text may lie within what is skipped.
    fn begin(&mut self, word: &str, destination: Destination) {
        self.flush_bytes();
        if matches!(word, "listtext" | "pntext") {
            // It is the paragraph around it that is in a list.
            if let Some(outer) = self.groups.last_mut() {
                outer.in_list = true;
            }
        }
        if self.group.destination == Destination::Skipped && word != "ud" {
            return;
        }
        if matches!(destination, Destination::Note | Destination::Box) {
            self.suspended.push(Suspended {
                depth: self.groups.len().saturating_sub(1),
                text: std::mem::take(&mut self.text),
                code_bytes: std::mem::take(&mut self.code_bytes),
            });
            self.group.in_table = false;
        }
        self.group.destination = destination;
    }

    /// Handles words that change how bytes become text.
    fn character_property(&mut self, word: &str, parameter: Option<i32>) -> bool {
        let is_on = parameter != Some(0);
        let number = parameter.unwrap_or(0);
        match word {
            "u" => self.unicode(number),
            "uc" => self.group.stand_ins = usize::try_from(number).unwrap_or(0),
            "ansicpg" => {
                let page = u32::try_from(number).ok().and_then(code_page::encoding);
                self.document_encoding = page.unwrap_or(WINDOWS_1252);
                self.group.encoding = self.document_encoding;
            }
            "mac" => {
                self.document_encoding = encoding_rs::MACINTOSH;
                self.group.encoding = self.document_encoding;
            }
            "deff" => self.default_font = number,
            "f" => self.font(number),
            "plain" => {
                self.font(self.default_font);
                self.group.hidden = false;
            }
            "v" | "deleted" => {
                self.flush_bytes();
                self.group.hidden = is_on;
            }
            _ => return false,
        }
        true
    }

    fn font(&mut self, number: i32) {
        self.flush_bytes();
        self.group.encoding = self
            .fonts
            .encoding(number)
            .unwrap_or(self.document_encoding);
        self.group.is_code = self.fonts.is_code(number);
    }

    /// Reads a UTF-16 unit, written as a signed number.
    fn unicode(&mut self, number: i32) {
        self.flush_bytes();
        self.skip = self.group.stand_ins;
        // Some writers give the whole code point.
        if let Some(character) = u32::try_from(number)
            .ok()
            .filter(|code| *code > 0xFFFF)
            .and_then(char::from_u32)
        {
            return self.push(character.encode_utf8(&mut [0; 4]));
        }
        let unit = number as u16;
        let character = match (self.surrogate.take(), unit) {
            (Some(first), 0xDC00..=0xDFFF) => char::decode_utf16([first, unit]).flatten().next(),
            (_, 0xD800..=0xDBFF) => {
                self.surrogate = Some(unit);
                None
            }
            _ => char::from_u32(u32::from(unit)),
        };
        if let Some(character) = character {
            self.push(character.encode_utf8(&mut [0; 4]));
        }
    }

    fn paragraph_property(&mut self, word: &str, number: i32) -> bool {
        match word {
            "pard" => {
                self.group.style = 0;
                self.group.outline_level = None;
                self.group.in_table = false;
                self.group.in_list = false;
            }
            "s" => self.group.style = number,
            "outlinelevel" => self.group.outline_level = Some(number),
            "intbl" => self.group.in_table = true,
            "ls" | "pnlvlblt" | "pnlvlbody" => self.group.in_list = true,
            _ => return false,
        }
        true
    }

    fn structure(&mut self, word: &str) {
        match word {
            "par" | "sect" => self.end_paragraph(),
            "cell" => self.end_cell(),
            "nestcell" => self.push(" "),
            "row" => self.end_row(),
            _ => {
                if let Some(text) = character(word) {
                    self.push(text);
                }
            }
        }
    }

    /// Takes bytes in the encoding of the group.
    fn push_bytes(&mut self, bytes: &[u8]) {
        self.at_start = false;
        match self.group.destination {
            Destination::Skipped | Destination::Information => {}
            Destination::FontTable => self.fonts.text(bytes),
            Destination::StyleSheet => self.styles.text(bytes),
            _ => self.bytes.extend_from_slice(bytes),
        }
    }

    fn flush_bytes(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let (text, _) = self.group.encoding.decode_without_bom_handling(&bytes);
        self.push_text(&text);
    }

    fn push(&mut self, text: &str) {
        self.flush_bytes();
        self.push_text(text);
    }

    fn push_text(&mut self, text: &str) {
        if self.group.hidden {
            return;
        }
        match self.group.destination {
            Destination::Title => self.title.push_str(text),
            Destination::Body | Destination::Note | Destination::Box => {
                self.text.push_str(text);
                if self.group.is_code {
                    self.code_bytes += text.len();
                }
            }
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        self.flush_bytes();
        let text = std::mem::take(&mut self.text);
        let code_bytes = std::mem::take(&mut self.code_bytes);
        if self.suspended.is_empty() && self.group.in_table {
            return self.push_to_cell(&text);
        }
        if self.destination_of_flow() == Destination::Note {
            return self.notes.push(text);
        }
        if text.trim().is_empty() {
            return;
        }
        self.flush_row();
        let (kind, text) = self.kind(&text, code_bytes);
        if kind == BlockKind::Code {
            self.code.push_str(text);
            self.code.push('\n');
            return;
        }
        self.flush_code();
        if self.styles.is_title(self.group.style) {
            self.builder.set_title(text);
        }
        self.builder.push(kind, text);
    }

    fn kind<'t>(&self, text: &'t str, code_bytes: usize) -> (BlockKind, &'t str) {
        if let Some(level @ 0..=8) = self.group.outline_level {
            return (BlockKind::Heading(level as u8 + 1), text);
        }
        if let Some(kind) = self.styles.kind(self.group.style) {
            return (kind, text);
        }
        if let Some(item) = text.trim_start().strip_prefix("•") {
            return (BlockKind::ListItem, item);
        }
        let breaks = text.matches(['\n', '\t']).count();
        if code_bytes + breaks >= text.len() {
            (BlockKind::Code, text)
        } else if self.group.in_list {
            (BlockKind::ListItem, text)
        } else {
            (BlockKind::Paragraph, text)
        }
    }

    /// Notes and boxes within notes belong to these.
    fn destination_of_flow(&self) -> Destination {
        if self.suspended.is_empty() {
            Destination::Body
        } else {
            self.group.destination
        }
    }

    /// Ends a note or a box, and goes on with the text around it.
    fn end_flow(&mut self) {
        self.end_paragraph();
        if let Some(suspended) = self.suspended.pop() {
            self.text = suspended.text;
            self.code_bytes = suspended.code_bytes;
        }
    }

    fn push_to_cell(&mut self, text: &str) {
        for word in text.split_whitespace() {
            if !self.cell.is_empty() {
                self.cell.push(' ');
            }
            self.cell.push_str(word);
        }
    }

    fn end_cell(&mut self) {
        self.flush_bytes();
        let text = std::mem::take(&mut self.text);
        self.code_bytes = 0;
        self.push_to_cell(&text);
        self.row.push(std::mem::take(&mut self.cell));
        self.cells += 1;
    }

    fn end_row(&mut self) {
        self.flush_bytes();
        if !self.cell.is_empty() {
            self.row.push(std::mem::take(&mut self.cell));
        }
        let row = std::mem::take(&mut self.row);
        if self.cells > self.limits.max_cells {
            return self.builder.warn(format!(
                "stopped tables after {} cells",
                self.limits.max_cells
            ));
        }
        if row.iter().any(|cell| !cell.is_empty()) {
            self.flush_code();
            self.builder.push(BlockKind::Table, &row.join(" | "));
        }
    }

    /// Ends a row that its table forgot.
    fn flush_row(&mut self) {
        if !self.row.is_empty() || !self.cell.is_empty() {
            self.end_row();
        }
    }

    fn flush_code(&mut self) {
        self.builder.push(BlockKind::Code, &self.code);
        self.code.clear();
    }

    fn finish(mut self) {
        self.flush_bytes();
        while !self.suspended.is_empty() {
            self.end_flow();
        }
        self.end_paragraph();
        self.flush_row();
        self.flush_code();
        self.builder.set_title(&self.title);
        for note in std::mem::take(&mut self.notes) {
            self.builder.push(BlockKind::Paragraph, &note);
        }
    }
}
