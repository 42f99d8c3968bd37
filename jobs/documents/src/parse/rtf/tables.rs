//! The fonts and styles of a document.

use std::collections::HashMap;

use encoding_rs::Encoding;

use crate::block::BlockKind;
use crate::parse::code_page;
use crate::parse::style_names::kind_by_name;

/// Entries that are kept; documents have dozens.
const MAX_ENTRIES: usize = 10_000;

/// Fonts by number.
#[derive(Debug, Default)]
pub(super) struct Fonts {
    fonts: HashMap<i32, Font>,
    open: i32,
}

#[derive(Debug, Default)]
struct Font {
    encoding: Option<&'static Encoding>,
    name: Vec<u8>,
}

impl Fonts {
    /// Reads a control word of the font table.
    pub(super) fn word(&mut self, word: &str, parameter: i32) {
        let encoding = match word {
            "f" => {
                self.open = parameter;
                return;
            }
            "fcharset" => u32::try_from(parameter)
                .ok()
                .and_then(code_page::of_charset),
            "cpg" => u32::try_from(parameter).ok().and_then(code_page::encoding),
            _ => return,
        };
        if let Some(font) = self.open_font() {
            font.encoding = encoding.or(font.encoding);
        }
    }

    /// Reads a part of a name in the font table.
    pub(super) fn text(&mut self, text: &[u8]) {
        const MAX_NAME_BYTES: usize = 100;
        if let Some(font) = self.open_font()
            && font.name.len() < MAX_NAME_BYTES
        {
            font.name.extend_from_slice(text);
        }
    }

    fn open_font(&mut self) -> Option<&mut Font> {
        if self.fonts.len() >= MAX_ENTRIES {
            return self.fonts.get_mut(&self.open);
        }
        Some(self.fonts.entry(self.open).or_default())
    }

    /// Returns the encoding of a font; `None` if it follows the document.
    pub(super) fn encoding(&self, number: i32) -> Option<&'static Encoding> {
        self.fonts.get(&number)?.encoding
    }

    /// Tells whether people set code in a font.
    pub(super) fn is_code(&self, number: i32) -> bool {
        const CODE_FONTS: [&[u8]; 5] = [
            b"Courier",
            b"Consolas",
            b"Lucida Console",
            b"DejaVu Sans Mono",
            b"Liberation Mono",
        ];
        self.fonts.get(&number).is_some_and(|font| {
            let name = font.name.trim_ascii_start();
            CODE_FONTS.iter().any(|code| name.starts_with(code))
        })
    }
}

/// Paragraph styles by number.
#[derive(Debug, Default)]
pub(super) struct Styles {
    styles: HashMap<i32, Style>,
    open: i32,
}

#[derive(Debug, Default)]
struct Style {
    outline_level: Option<i32>,
    name: Vec<u8>,
}

impl Styles {
    /// Starts an entry; one without a number is the style of body text.
    pub(super) fn begin(&mut self) {
        self.open = 0;
    }

    /// Reads a control word of the style sheet.
    pub(super) fn word(&mut self, word: &str, parameter: i32) {
        match word {
            "s" => self.open = parameter,
            "outlinelevel" => {
                if let Some(style) = self.open_style() {
                    style.outline_level = Some(parameter);
                }
            }
            _ => {}
        }
    }

    /// Reads a part of a name in the style sheet.
    pub(super) fn text(&mut self, text: &[u8]) {
        const MAX_NAME_BYTES: usize = 100;
        if let Some(style) = self.open_style()
            && style.name.len() < MAX_NAME_BYTES
        {
            style.name.extend_from_slice(text);
        }
    }

    fn open_style(&mut self) -> Option<&mut Style> {
        if self.styles.len() >= MAX_ENTRIES {
            return self.styles.get_mut(&self.open);
        }
        Some(self.styles.entry(self.open).or_default())
    }

    /// Returns what a paragraph of this style is; `None` for body text.
    pub(super) fn kind(&self, number: i32) -> Option<BlockKind> {
        let style = self.styles.get(&number)?;
        if let Some(level @ 0..=8) = style.outline_level {
            return Some(BlockKind::Heading(level as u8 + 1));
        }
        kind_by_name(&self.name(number))
    }

    /// Tells whether a style names the document's title.
    pub(super) fn is_title(&self, number: i32) -> bool {
        self.name(number) == "title"
    }

    fn name(&self, number: i32) -> String {
        let name = self
            .styles
            .get(&number)
            .map_or(&b""[..], |style| &style.name);
        let name = String::from_utf8_lossy(name).to_lowercase();
        name.split(';').next().unwrap_or_default().trim().to_owned()
    }
}
