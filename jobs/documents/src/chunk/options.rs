//! What to cut by.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How to cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkOptions {
    /// Aim for this many tokens (or what else [`Self::sizing`] counts).
    pub target_tokens: u32,
    /// Never more than this many; but a character is never cut, even where it has more tokens than this.
    pub max_tokens: u32,
    /// Repeat about this many at the start of the next chunk, at a sentence boundary.
    pub overlap_tokens: u32,
    /// Where to cut.
    #[serde(default)]
    pub strategy: Strategy,
    /// What the three sizes count.
    #[serde(default)]
    pub sizing: Sizing,
}

impl Default for ChunkOptions {
    fn default() -> Self {
        Self {
            target_tokens: 224,
            max_tokens: 256,
            overlap_tokens: 32,
            strategy: Strategy::default(),
            sizing: Sizing::default(),
        }
    }
}

impl ChunkOptions {
    /// The sizes that are used: `target` at least 1 and at most `max`, `overlap` at most half of `target`, so that every
    /// chunk brings at least as much new text as it repeats.
    pub(super) fn bounded(self) -> (usize, usize, usize) {
        let max = self.max_tokens.max(1) as usize;
        let target = (self.target_tokens.max(1) as usize).min(max);
        (target, max, (self.overlap_tokens as usize).min(target / 2))
    }
}

/// Everything that the chunks depend on, in short: `224/256/32`, with strategy and sizing where they are not the default.
/// Equal for two options if and only if they are equal.
impl fmt::Display for ChunkOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}/{}/{}",
            self.target_tokens, self.max_tokens, self.overlap_tokens
        )?;
        if self.strategy != Strategy::default() {
            write!(formatter, "/{}", self.strategy.as_str())?;
        }
        if self.sizing != Sizing::default() {
            write!(formatter, "/{}", self.sizing.as_str())?;
        }
        Ok(())
    }
}

/// Where chunks end.
///
/// With each, a chunk begins and ends with a character that is not white space, and everything else is in some chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Never across a heading, unless whole small sections fit together; at blocks, sentences, clauses, words; tables and
    /// code whole where they fit. For documents of every kind.
    #[default]
    Recursive,
    /// Every heading begins a chunk, however small its section is, and every block (paragraph, item, table, listing) is
    /// whole where it fits; inside larger ones as `recursive`. For documents that are looked up by their headings.
    Markdown,
    /// Whole sentences up to the target, whatever block or section they are in; a line of a table or of code counts as a
    /// sentence. For running text whose headings mean little, such as transcripts.
    Sentence,
    /// Windows of the target size, each with the overlap, wherever that is: between two tokens.
    Fixed,
    /// Between lines, best before the least indented one that follows an empty line; the overlap is whole lines. The
    /// whole document is taken for one listing. For source code.
    Code,
}

impl Strategy {
    /// The name in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recursive => "recursive",
            Self::Markdown => "markdown",
            Self::Sentence => "sentence",
            Self::Fixed => "fixed",
            Self::Code => "code",
        }
    }
}

/// What sizes count. Each is exact for the text of every chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sizing {
    /// Tokens of the embedder: of the [`TokenCounter`](super::TokenCounter) that comes with the document.
    #[default]
    Embedder,
    /// Tokens of `cl100k_base`.
    #[cfg(feature = "openai-tokenizers")]
    Cl100k,
    /// Tokens of `o200k_base`.
    #[cfg(feature = "openai-tokenizers")]
    O200k,
    /// Unicode scalar values.
    Characters,
    /// Bytes of UTF-8.
    Bytes,
}

impl Sizing {
    /// The name in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedder => "embedder",
            #[cfg(feature = "openai-tokenizers")]
            Self::Cl100k => "cl100k",
            #[cfg(feature = "openai-tokenizers")]
            Self::O200k => "o200k",
            Self::Characters => "characters",
            Self::Bytes => "bytes",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_options_are_told_apart() {
        let mut seen = std::collections::HashSet::new();
        for strategy in ["recursive", "markdown", "sentence", "fixed", "code"] {
            for sizing in ["embedder", "characters", "bytes"] {
                let json = format!(
                    r#"{{"target_tokens":1,"max_tokens":2,"overlap_tokens":0,"strategy":"{strategy}","sizing":"{sizing}"}}"#
                );
                let options: ChunkOptions = serde_json::from_str(&json).unwrap();
                assert_eq!(options.strategy.as_str(), strategy);
                assert_eq!(options.sizing.as_str(), sizing);
                assert!(seen.insert(options.to_string()));
            }
        }
        assert_eq!(ChunkOptions::default().to_string(), "224/256/32");
    }
}
