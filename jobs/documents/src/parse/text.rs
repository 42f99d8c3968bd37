//! Plain text: paragraphs between blank lines.

use crate::block::BlockKind;
use crate::normalise::{DocumentBuilder, paragraphs};

/// Pushes the paragraphs of `text`.
pub(super) fn parse(text: &str, builder: &mut DocumentBuilder) {
    for paragraph in paragraphs(text) {
        builder.push(BlockKind::Paragraph, &paragraph);
    }
}
