//! What the names of built-in styles say. Word, LibreOffice and RTF writers share them; those of Office are English in
//! every language.

use crate::block::BlockKind;

/// Returns what a paragraph of a style with this name, in lower case, is; `None` for body text and unknown names.
pub(super) fn kind_by_name(name: &str) -> Option<BlockKind> {
    if let Some(level) = name.strip_prefix("heading") {
        return level
            .trim()
            .parse()
            .ok()
            .filter(|level| (1..=9).contains(level))
            .map(BlockKind::Heading);
    }
    match name {
        "title" => Some(BlockKind::Heading(1)),
        "caption" | "table" | "figure" | "illustration" | "drawing" => Some(BlockKind::Caption),
        "quote" | "intense quote" | "quotations" | "block text" => Some(BlockKind::Quote),
        "html preformatted" | "preformatted text" | "plain text" | "source code" | "macro text" => {
            Some(BlockKind::Code)
        }
        _ if name.starts_with("list") => Some(BlockKind::ListItem),
        _ => None,
    }
}
