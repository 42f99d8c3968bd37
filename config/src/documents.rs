//! `[documents]`: parsing.

use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use crate::units::{self, Auto};

/// Parsing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentsConfig {
    /// Parser processes.
    pub parsers: Auto,
    /// Time limit of one document in a parser.
    #[serde(with = "units::duration")]
    pub parse_timeout: Duration,
    /// Address space of a parser.
    #[serde(with = "units::size")]
    pub parse_memory: ByteSize,
    /// A parser is replaced after this many documents.
    #[serde(with = "units::whole")]
    pub parser_recycle: u32,
    /// Bytes that one compressed member may inflate to.
    #[serde(with = "units::size")]
    pub max_member_size: ByteSize,
    /// Bytes that a whole document may inflate to.
    #[serde(with = "units::size")]
    pub max_inflated_size: ByteSize,
    /// Pages that are read.
    #[serde(with = "units::whole")]
    pub max_pages: u32,
    /// Table cells that are read.
    #[serde(with = "units::whole")]
    pub max_cells: usize,
    /// Levels of nesting that are read.
    #[serde(with = "units::whole")]
    pub max_nesting: usize,
    /// Archives and mails within each other that are opened.
    #[serde(with = "units::whole")]
    pub max_container_depth: usize,
    /// Members of an archive and attachments of a mail that are read.
    #[serde(with = "units::whole")]
    pub max_members: usize,
    /// Times its size that a compressed member may inflate to.
    #[serde(with = "units::whole")]
    pub max_inflation_ratio: u64,
    /// Text of a workbook that is read.
    #[serde(with = "units::size")]
    pub max_text_size: ByteSize,
}
