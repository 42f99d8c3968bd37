//! Source code of any language: a block for each top-level definition, comments above it included.
//!
//! No grammar is needed: definitions are set apart by blank lines and begin in the first column, and what belongs to one
//! is indented or closes a bracket. Where a language or a writer does otherwise, the blocks are runs between blank
//! lines, which are as good a place to cut.

use crate::block::BlockKind;
use crate::normalise::DocumentBuilder;

/// A definition longer than this may end at any blank line.
const BLOCK_BYTES: usize = 16 << 10;

/// Pushes the definitions of `text`.
pub(super) fn parse(text: &str, builder: &mut DocumentBuilder) {
    let mut block = String::new();
    let mut after_blank = false;
    for line in text.lines() {
        if line.trim().is_empty() {
            after_blank = true;
            block.push('\n');
            continue;
        }
        if after_blank && (starts_definition(line) || block.len() > BLOCK_BYTES) {
            builder.push(BlockKind::Code, &block);
            block.clear();
        }
        after_blank = false;
        block.push_str(line);
        block.push('\n');
    }
    builder.push(BlockKind::Code, &block);
}

/// Tells whether a line may begin a definition: it starts in the first column, and goes on with nothing from above.
fn starts_definition(line: &str) -> bool {
    const CONTINUES: [&str; 7] = ["else", "elif", "except", "finally", "catch", "end", "fi"];
    let word = line
        .split(|character: char| !character.is_alphanumeric())
        .next()
        .unwrap_or_default();
    !line.starts_with([' ', '\t', '}', ')', ']', '{']) && !CONTINUES.contains(&word)
}

#[cfg(test)]
mod tests {
    use crate::block::{BlockKind, Document};
    use crate::limits::Limits;
    use crate::parse::parse_bytes;

    fn parse(code: &str, extension: &str) -> Document {
        let document = parse_bytes(code.as_bytes(), Some(extension), &Limits::default()).unwrap();
        document.check().unwrap();
        assert_eq!(document.file_type, "code");
        document
    }

    fn blocks(document: &Document) -> Vec<&str> {
        document
            .blocks
            .iter()
            .map(|block| {
                assert_eq!(block.kind, BlockKind::Code);
                &document.text[block.start..block.end]
            })
            .collect()
    }

    #[test]
    fn definitions_are_blocks_with_their_comments() {
        let code = "\
//! About.

use std::fmt;

/// Adds.
fn add(a: u8, b: u8) -> u8 {
    let sum = a;

    sum + b
}

mod tests {

}
";
        assert_eq!(
            blocks(&parse(code, "rs")),
            [
                "//! About.",
                "use std::fmt;",
                "/// Adds.\nfn add(a: u8, b: u8) -> u8 {\n    let sum = a;\n\n    sum + b\n}",
                "mod tests {\n\n}",
            ]
        );
    }

    #[test]
    fn what_goes_on_is_no_definition() {
        let code = "try:\n    a()\n\nexcept E:\n    b()\n\nc = 1\n";
        assert_eq!(
            blocks(&parse(code, "py")),
            ["try:\n    a()\n\nexcept E:\n    b()", "c = 1"]
        );
    }

    #[test]
    fn scripts_are_told_without_a_name() {
        let document = parse_bytes(b"#!/bin/sh\necho hi\n", None, &Limits::default()).unwrap();
        assert_eq!(document.file_type, "code");
    }

    #[test]
    fn long_definitions_end_at_blank_lines() {
        let line = format!("    {}\n\n", "x".repeat(100));
        let code = format!("fn long() {{\n{}}}\n", line.repeat(400));
        let document = parse(&code, "c");
        assert!(document.blocks.len() > 2);
        assert!(
            document
                .blocks
                .iter()
                .all(|block| block.end - block.start <= 17 << 10)
        );
    }
}
