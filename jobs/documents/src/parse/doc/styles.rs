//! The style sheet ([MS-DOC] 2.9.271).

use super::header::Header;
use super::pages::for_each_property;
use crate::block::BlockKind;
use crate::parse::binary::{Cursor, u16_at, utf16};
use crate::parse::style_names::kind_by_name;

/// Chains of styles that are based on each other are longer only in broken files.
const MAX_CHAIN: usize = 12;
/// The base of a style that has none.
const NO_STYLE: u16 = 0x0FFF;

/// Paragraph styles by index.
#[derive(Debug, Default)]
pub(super) struct Styles {
    styles: Vec<Style>,
}

#[derive(Debug, Default)]
struct Style {
    /// The number of a built-in style; its name may be translated.
    builtin: u16,
    base: u16,
    name: String,
    outline_level: Option<u8>,
    is_list: bool,
}

impl Styles {
    /// Reads the style sheet; what is damaged has no meaning.
    pub(super) fn read(header: &Header, table: &[u8]) -> Self {
        let mut styles = Self::default();
        // The sheet of Word 6 and 95 has another form.
        if header.table.is_some() {
            styles.fill(header.styles.of(table));
        }
        styles
    }

    fn fill(&mut self, sheet: &[u8]) -> Option<()> {
        let mut cursor = Cursor::new(sheet);
        let size = cursor.u16()?;
        let information = cursor.take(usize::from(size))?;
        let count = u16_at(information, 0)?;
        let base_bytes = usize::from(u16_at(information, 2)?);
        for _ in 0..count {
            let size = usize::from(cursor.u16()?);
            let style = cursor.take(size)?;
            // Each begins at an even place.
            if size % 2 == 1 {
                cursor.take(1)?;
            }
            self.styles
                .push(read(style, base_bytes).unwrap_or_default());
        }
        Some(())
    }

    /// Returns what a paragraph of this style is; `None` for body text.
    pub(super) fn kind(&self, index: u16) -> Option<BlockKind> {
        let mut index = index;
        for _ in 0..MAX_CHAIN {
            let Some(style) = self.styles.get(usize::from(index)) else {
                // Without a style sheet, the first styles are still the headings.
                return (1..=9)
                    .contains(&index)
                    .then_some(BlockKind::Heading(index as u8));
            };
            if let Some(kind) = style.kind() {
                return Some(kind);
            }
            if style.outline_level.is_some() || style.base == NO_STYLE {
                return None;
            }
            index = style.base;
        }
        None
    }

    /// Tells whether a style names the document's title.
    pub(super) fn is_title(&self, index: u16) -> bool {
        const TITLE: u16 = 62;
        self.styles
            .get(usize::from(index))
            .is_some_and(|style| style.builtin == TITLE)
    }
}

impl Style {
    fn kind(&self) -> Option<BlockKind> {
        match self.outline_level {
            Some(level @ 0..=8) => return Some(BlockKind::Heading(level + 1)),
            Some(_) => return None,
            None => {}
        }
        // Numbers of built-in styles ([MS-DOC] 2.9.260).
        match self.builtin {
            level @ 1..=9 => Some(BlockKind::Heading(level as u8)),
            62 => Some(BlockKind::Heading(1)),
            34 => Some(BlockKind::Caption),
            47..=61 => Some(BlockKind::ListItem),
            84 => Some(BlockKind::Quote),
            45 | 90 | 101 => Some(BlockKind::Code),
            _ => kind_by_name(&self.name).or(self.is_list.then_some(BlockKind::ListItem)),
        }
    }
}

/// Reads a style: fixed fields, its name, then a list of properties for paragraphs.
fn read(style: &[u8], base_bytes: usize) -> Option<Style> {
    const PARAGRAPH: u16 = 1;
    let builtin = u16_at(style, 0)? & 0x0FFF;
    let kind_and_base = u16_at(style, 2)?;
    if kind_and_base & 0xF != PARAGRAPH {
        return None;
    }
    let mut cursor = Cursor::new(style.get(base_bytes..)?);
    let characters = usize::from(cursor.u16()?);
    let name = utf16(cursor.take(2 * characters)?);
    // Aliases follow a comma.
    let name = name.split(',').next().unwrap_or_default().to_lowercase();
    let mut read = Style {
        builtin,
        base: kind_and_base >> 4,
        name,
        outline_level: None,
        is_list: false,
    };
    // The NUL after the name; then the size of the list, which begins with the style's index.
    cursor.take(2);
    if let Some(size) = cursor.u16()
        && let Some(list) = cursor.take(usize::from(size))
    {
        for_each_property(
            list.get(2..).unwrap_or_default(),
            |number, operand| match number {
                0x2640 => read.outline_level = operand.first().copied(),
                0x460B => read.is_list = u16_at(operand, 0).is_some_and(|list| list != 0),
                _ => {}
            },
        );
    }
    Some(read)
}
