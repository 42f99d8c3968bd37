//! Rich Text Format (RTF 1.9.1).
//!
//! [`tokens`] cuts the bytes into groups, control words and text; [`reader`] keeps the state of each open group and
//! assembles paragraphs; [`tables`] knows the fonts, whose character sets say how bytes are decoded, and the styles,
//! which say what is a heading. Footnotes follow the text; headers, footers, comments, pictures, hidden and deleted text
//! are left out. There are no pages: RTF is laid out when it is shown.

mod destinations;
mod reader;
mod tables;
mod tokens;

use crate::block::Document;
use crate::detect::FileType;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use reader::Reader;

/// Reads a document. One that ends too early gives what came before, with a warning.
///
/// # Errors
/// `parse.limit` (nesting).
pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    let mut builder = DocumentBuilder::new(FileType::Rtf);
    Reader::new(limits, &mut builder).read(bytes)?;
    Ok(builder.finish())
}

#[cfg(test)]
mod tests {
    use crate::block::{BlockKind, Document};
    use crate::error::ErrorCode;
    use crate::limits::Limits;
    use crate::parse::parse_bytes;

    fn parse(rtf: &[u8]) -> Document {
        let document = parse_bytes(rtf, None, &Limits::default()).unwrap();
        document.check().unwrap();
        document
    }

    fn blocks(document: &Document) -> Vec<(BlockKind, &str)> {
        document
            .blocks
            .iter()
            .map(|block| (block.kind, &document.text[block.start..block.end]))
            .collect()
    }

    #[test]
    fn structure_is_kept() {
        let document = parse(
            br"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Times;}{\f1\fmodern Courier New;}}
{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 heading 1;}{\s2 caption;}{\*\cs10 char;}}{\info{\title A title}{\author Me}}
{\header\pard head\par}
\pard\s1 Head\par\pard one \b two\b0 .{\footnote\pard a note\par} three\line four\par
{\pard{\listtext\tab}\ls1 item\par}{\pard\f0 \bullet \tab point\par}
\pard\f1 code();\par more();\par\pard\plain\s2 Figure 1\par
\trowd\pard\intbl k\cell v\par w\cell\row
\pard a{\v hidden}{\deleted gone} {\field{\*\fldinst HYPERLINK x}{\fldrslt link}}{\pict 00ff}{\*\unknown x}\par}",
        );
        assert_eq!(document.title.as_deref(), Some("A title"));
        assert_eq!(
            blocks(&document),
            [
                (BlockKind::Heading(1), "Head"),
                (BlockKind::Paragraph, "one two. three\nfour"),
                (BlockKind::ListItem, "item"),
                (BlockKind::ListItem, "point"),
                (BlockKind::Code, "code();\nmore();"),
                (BlockKind::Caption, "Figure 1"),
                (BlockKind::Table, "k | v w"),
                (BlockKind::Paragraph, "a link"),
                (BlockKind::Paragraph, "a note"),
            ]
        );
    }

    #[test]
    fn bytes_are_decoded_by_font_and_code_page() {
        let document = parse(
            br"{\rtf1\ansi\ansicpg1250{\fonttbl{\f0 A;}{\f1\fcharset134 B;}{\f2\fcharset136 C;}{\f3\fcharset128 D;}{\f4\fcharset204 E;}}
\f0 \'e8\'9a \f1\'d6\'aa\'ca\'b6 \f2\'aa\'be\'c3\'d1 \f3\'92\'6d\'8e\'af\'83\'5c \f4\'e4\'e0\par}",
        );
        assert_eq!(document.text, "čš 知识 知識 知識ソ да");
    }

    #[test]
    fn unicode_replaces_what_stands_in_for_it() {
        let document = parse(
            br"{\rtf1\ansi\uc1 a\u233?b\u-3894 ?{\uc2\u30693\'d6\'aa\u35782 xx}c\uc0\u233 d\uc1\u55357?\u56832?e\u228\'e4 f\par}",
        );
        assert_eq!(document.text, "aéb\u{F0CA}知识céd😀eä f");
    }

    #[test]
    fn damage_costs_what_is_damaged() {
        let document = parse(br"{\rtf1 one\par {\b two");
        assert_eq!(document.text, "one\n\ntwo");
        assert_eq!(document.warnings.len(), 1);
        assert_eq!(parse(br"{\rtf1 a}}}b\bin9999999 x").text, "a");
        let deep = [&br"{\rtf1 "[..], &b"{".repeat(100_000)].concat();
        let error = parse_bytes(&deep, None, &Limits::default()).unwrap_err();
        assert_eq!(error.code, ErrorCode::Limit);
    }

    proptest::proptest! {
        #[test]
        fn any_controls_parse(rtf in r"([{}\\a-z0-9' *;-]|\\u-?[0-9]{1,6}|\\'[0-9a-f]{2}|\\par |\\cell |\\row |\\intbl |\{\\\*|\\fonttbl|\\stylesheet|\\footnote |\\bin[0-9] ){0,60}") {
            let rtf = format!("{{\\rtf1{rtf}");
            if let Ok(document) = parse_bytes(rtf.as_bytes(), None, &Limits::default()) {
                proptest::prop_assert_eq!(document.check(), Ok(()));
            }
        }
    }
}
