//! How large parts of the text are: counted once, then asked by byte.
//!
//! Tokens of the embedder and pieces of the byte-pair tokenizers are found in one pass over the text and kept as sums, so
//! that a size is two binary searches; characters and bytes need no pass.

#[cfg(feature = "openai-tokenizers")]
mod pieces;
#[cfg(feature = "openai-tokenizers")]
mod shard;
mod tokens;

use std::ops::Range;

#[cfg(feature = "openai-tokenizers")]
use self::pieces::Pieces;
use self::tokens::Tokens;
use super::TokenCounter;
use super::options::Sizing;
use super::units::Unit;
#[cfg(feature = "openai-tokenizers")]
use crate::tokenizer::Tokenizer;

/// Measures spans of one text. Positions that it returns lie on character boundaries.
pub(super) enum Ruler<'a> {
    Tokens(Tokens),
    #[cfg(feature = "openai-tokenizers")]
    Pieces(Pieces<'a>),
    Characters(&'a str),
    Bytes(&'a str),
}

impl<'a> Ruler<'a> {
    /// Reads the text, in parallel where it is longer than `shard_bytes`.
    pub(super) fn new(
        text: &'a str,
        units: &[Unit],
        counter: &dyn TokenCounter,
        sizing: Sizing,
        shard_bytes: usize,
    ) -> Self {
        match sizing {
            Sizing::Embedder => Self::Tokens(Tokens::of(text, units, counter, shard_bytes)),
            #[cfg(feature = "openai-tokenizers")]
            Sizing::Cl100k => Self::Pieces(Pieces::of(text, Tokenizer::cl100k(), shard_bytes)),
            #[cfg(feature = "openai-tokenizers")]
            Sizing::O200k => Self::Pieces(Pieces::of(text, Tokenizer::o200k(), shard_bytes)),
            Sizing::Characters => Self::Characters(text),
            Sizing::Bytes => Self::Bytes(text),
        }
    }

    /// Returns how far a chunk reaches that begins at `from` and has at most `size`: behind `from` by at least one
    /// character, for no character is cut. Where what is counted can be said only of whole pieces, the chunk's true size
    /// may differ by a token or two; [`Self::size`] tells.
    pub(super) fn forward(&self, from: usize, size: usize) -> usize {
        if size == 0 {
            return from;
        }
        match self {
            Self::Tokens(tokens) => tokens.forward(from, size),
            #[cfg(feature = "openai-tokenizers")]
            Self::Pieces(pieces) => pieces.forward(from, size),
            Self::Characters(text) => text[from..]
                .char_indices()
                .nth(size)
                .map_or(text.len(), |(at, _)| from + at),
            Self::Bytes(text) => {
                let first = text[from..].chars().next().map_or(0, char::len_utf8);
                text.floor_char_boundary(from.saturating_add(size))
                    .max(from + first)
            }
        }
    }

    /// Returns from where on there are about `size` up to `to`; `None` if there are fewer.
    pub(super) fn backward(&self, to: usize, size: usize) -> Option<usize> {
        match self {
            Self::Tokens(tokens) => tokens.backward(to, size),
            #[cfg(feature = "openai-tokenizers")]
            Self::Pieces(pieces) => pieces.backward(to, size),
            Self::Characters(text) => text[..to]
                .char_indices()
                .rev()
                .nth(size.checked_sub(1)?)
                .map(|(at, _)| at),
            Self::Bytes(text) => Some(text.ceil_char_boundary(to.checked_sub(size)?)),
        }
    }

    /// The size of a span: exactly that of its text if it begins and ends with a character that is not white space.
    pub(super) fn size(&self, span: Range<usize>) -> usize {
        match self {
            Self::Tokens(tokens) => tokens.count(span),
            #[cfg(feature = "openai-tokenizers")]
            Self::Pieces(pieces) => pieces.count(span),
            Self::Characters(text) => text[span].chars().count(),
            Self::Bytes(_) => span.len(),
        }
    }

    /// The size of a span if it is at most `most`. Costs no more than reading a span that is.
    pub(super) fn size_within(&self, span: Range<usize>, most: usize) -> Option<usize> {
        let is_more = match self {
            Self::Characters(_) => span.len() > most.saturating_mul(4),
            #[cfg(feature = "openai-tokenizers")]
            Self::Pieces(_) => Pieces::is_surely_more(&span, most),
            Self::Tokens(_) | Self::Bytes(_) => false,
        };
        if is_more {
            return None;
        }
        Some(self.size(span)).filter(|&size| size <= most)
    }
}
