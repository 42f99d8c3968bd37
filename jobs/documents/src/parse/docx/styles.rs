//! What the styles of a document mean.

use std::collections::HashMap;

use quick_xml::events::Event;

use crate::block::BlockKind;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::parse::style_names::kind_by_name;
use crate::parse::xml::{attribute, walk_xml};

/// Chains of styles that are based on each other are longer only in broken files.
const MAX_CHAIN: usize = 12;

/// The paragraph styles of a document, by id. Ids are localised (`berschrift1`, `1`), names of built-in styles are not.
#[derive(Debug, Default)]
pub(super) struct Styles {
    styles: HashMap<String, Style>,
}

#[derive(Debug, Default)]
struct Style {
    name: String,
    based_on: Option<String>,
    /// From 0; 9 is body text.
    outline_level: Option<u8>,
    is_list: bool,
}

impl Styles {
    /// Reads `styles.xml`.
    pub(super) fn read(xml: &str, limits: &Limits) -> Result<Self, ParseError> {
        let mut styles = Self::default();
        let mut id = String::new();
        let mut style = Style::default();
        walk_xml(xml, limits, |event| {
            match event {
                Event::Start(element) | Event::Empty(element) => {
                    match element.local_name().as_ref() {
                        "style" => {
                            id = attribute(element, "styleId").unwrap_or_default();
                            style = Style::default();
                        }
                        "name" => {
                            style.name =
                                attribute(element, "val").unwrap_or_default().to_lowercase();
                        }
                        "basedOn" => style.based_on = attribute(element, "val"),
                        "outlineLvl" => {
                            style.outline_level =
                                attribute(element, "val").and_then(|level| level.parse().ok());
                        }
                        "numPr" => style.is_list = true,
                        _ => {}
                    }
                }
                Event::End(element) if element.local_name().as_ref() == "style" => {
                    styles
                        .styles
                        .insert(std::mem::take(&mut id), std::mem::take(&mut style));
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(styles)
    }

    /// Returns what a paragraph of this style is; `None` for body text.
    pub(super) fn kind(&self, id: &str) -> Option<BlockKind> {
        let mut id = id;
        for _ in 0..MAX_CHAIN {
            let Some(style) = self.styles.get(id) else {
                // Without a style sheet the id is all there is; in English it is the name.
                return kind_by_name(&id.to_lowercase());
            };
            match style.outline_level {
                Some(level @ 0..9) => return Some(BlockKind::Heading(level + 1)),
                Some(_) => return None,
                None => {}
            }
            if let Some(kind) = kind_by_name(&style.name) {
                return Some(kind);
            }
            if style.is_list {
                return Some(BlockKind::ListItem);
            }
            id = style.based_on.as_deref()?;
        }
        None
    }

    /// Tells whether a style names the document's title.
    pub(super) fn is_title(&self, id: &str) -> bool {
        let name = self.styles.get(id).map_or(id, |style| &style.name);
        name.eq_ignore_ascii_case("title")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_found_by_level_name_and_base() {
        let xml = r#"<w:styles xmlns:w="x">
            <w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
            <w:style w:styleId="Kapitel"><w:name w:val="Kapitel"/><w:basedOn w:val="berschrift1"/></w:style>
            <w:style w:styleId="a3"><w:name w:val="标题样式"/><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style>
            <w:style w:styleId="loop"><w:name w:val="x"/><w:basedOn w:val="loop"/></w:style>
        </w:styles>"#;
        let styles = Styles::read(xml, &Limits::default()).unwrap();
        assert_eq!(styles.kind("berschrift1"), Some(BlockKind::Heading(1)));
        assert_eq!(styles.kind("Kapitel"), Some(BlockKind::Heading(1)));
        assert_eq!(styles.kind("a3"), Some(BlockKind::Heading(3)));
        assert_eq!(styles.kind("loop"), None);
        assert_eq!(styles.kind("Heading4"), Some(BlockKind::Heading(4)));
    }
}
