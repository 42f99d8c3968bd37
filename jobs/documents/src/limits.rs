//! What one document may cost a parser. The settings are `[documents]` in `config/default.toml`; they travel to the
//! process that parses.

use serde::{Deserialize, Serialize};

/// Bounds that every parser keeps.
///
/// Time and memory are not here: the process that parses is bounded from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes that one compressed member of a container may inflate to; more is `parse.bomb`.
    pub max_member_bytes: u64,
    /// Bytes that all members read from one document may inflate to; more is `parse.bomb`.
    pub max_inflated_bytes: u64,
    /// Pages that are read; the rest is left out with a warning.
    pub max_pages: u32,
    /// Cells of tables that are read; the rest is left out with a warning.
    pub max_cells: usize,
    /// Bytes of text that a workbook may give, whose cells can name one long text many times; the rest is left out with
    /// a warning.
    pub max_text_bytes: usize,
    /// Levels of nested elements. HTML and Markdown are flattened beyond, XML is refused (`parse.limit`).
    pub max_nesting: usize,
    /// Archives and mails within each other that are opened; what lies deeper is left out with a warning.
    pub max_container_depth: usize,
    /// Members of archives and attachments of mails that are read, over all levels; the rest is left out with a warning.
    pub max_members: usize,
    /// Times its size that a compressed member may inflate to, once it is beyond 16 MiB; more is `parse.bomb`.
    pub max_inflation_ratio: u64,
}

impl Default for Limits {
    /// The values of `config/default.toml`.
    fn default() -> Self {
        Self {
            max_member_bytes: 256 << 20,
            max_inflated_bytes: 512 << 20,
            max_pages: 20_000,
            max_cells: 2_000_000,
            max_text_bytes: 256 << 20,
            max_nesting: 1_000,
            max_container_depth: 3,
            max_members: 10_000,
            max_inflation_ratio: 250,
        }
    }
}
