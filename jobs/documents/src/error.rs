//! Why a document could not be read: a stable code, and a sentence that tells its owner what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The codes of parsing. They are part of the HTTP API and of the job record; `docs/errors/` has a page for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ErrorCode {
    /// No bytes at all (for formats that need some).
    #[serde(rename = "parse.empty")]
    Empty,
    /// A type that has no parser.
    #[serde(rename = "parse.unsupported")]
    Unsupported,
    /// Needs a password.
    #[serde(rename = "parse.encrypted")]
    Encrypted,
    /// Ends too early.
    #[serde(rename = "parse.truncated")]
    Truncated,
    /// Not what its format allows.
    #[serde(rename = "parse.malformed")]
    Malformed,
    /// Pages but no text: scanned images.
    #[serde(rename = "parse.no_text")]
    NoText,
    /// Inflates beyond the limit.
    #[serde(rename = "parse.bomb")]
    Bomb,
    /// More pages, cells or nesting than the limit.
    #[serde(rename = "parse.limit")]
    Limit,
    /// Larger than the limit.
    #[serde(rename = "parse.too_large")]
    TooLarge,
    /// The parser needed more time than the limit.
    #[serde(rename = "parse.timeout")]
    Timeout,
    /// The parser needed more memory than the limit.
    #[serde(rename = "parse.memory")]
    Memory,
    /// The parser died.
    #[serde(rename = "parse.crashed")]
    Crashed,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 12] = [
        Self::Empty,
        Self::Unsupported,
        Self::Encrypted,
        Self::Truncated,
        Self::Malformed,
        Self::NoText,
        Self::Bomb,
        Self::Limit,
        Self::TooLarge,
        Self::Timeout,
        Self::Memory,
        Self::Crashed,
    ];

    /// Returns the dotted name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "parse.empty",
            Self::Unsupported => "parse.unsupported",
            Self::Encrypted => "parse.encrypted",
            Self::Truncated => "parse.truncated",
            Self::Malformed => "parse.malformed",
            Self::NoText => "parse.no_text",
            Self::Bomb => "parse.bomb",
            Self::Limit => "parse.limit",
            Self::TooLarge => "parse.too_large",
            Self::Timeout => "parse.timeout",
            Self::Memory => "parse.memory",
            Self::Crashed => "parse.crashed",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A document that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// Stable.
    pub code: ErrorCode,
    /// What was wrong and what would be right; no document text.
    pub message: String,
}

impl ParseError {
    /// Builds an error from its two parts.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}
