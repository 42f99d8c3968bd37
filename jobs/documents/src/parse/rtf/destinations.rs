//! Where the text of a group goes.

/// A place for text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// The flow of the document.
    Body,
    /// Nowhere.
    Skipped,
    FontTable,
    StyleSheet,
    /// The document's properties: only the title is text.
    Information,
    Title,
    /// A flow of its own, whose text follows the document.
    Note,
    /// A flow of its own, whose text comes before the paragraph that it is in.
    Box,
}

/// Returns the destination that a control word opens; `None` if it opens none.
pub(super) fn of_word(word: &str) -> Option<Destination> {
    Some(match word {
        "fonttbl" => Destination::FontTable,
        "stylesheet" => Destination::StyleSheet,
        "info" => Destination::Information,
        "footnote" => Destination::Note,
        "shptxt" => Destination::Box,
        // Shapes and nested tables are marked as ignorable, the Unicode form of a text too, but hold text.
        "shpinst" | "nesttableprops" | "ud" => Destination::Body,
        "colortbl" | "pict" | "objdata" | "header" | "headerl" | "headerr" | "headerf"
        | "footer" | "footerl" | "footerr" | "footerf" | "fldinst" | "listtable"
        | "listoverridetable" | "listtext" | "pntext" | "pntxta" | "pntxtb" | "themedata"
        | "datastore" | "bkmkstart" | "bkmkend" | "xe" | "tc" | "annotation" | "atnid"
        | "atnauthor" | "nonshppict" | "shprslt" | "sp" | "nonesttables" | "upr" | "rxe"
        | "txe" | "revtbl" | "filetbl" | "generator" | "xmlnstbl" | "rsidtbl" | "mmathPr"
        | "template" | "ftnsep" | "ftnsepc" | "ftncn" | "aftnsep" | "aftnsepc" | "aftncn" => {
            Destination::Skipped
        }
        _ => return None,
    })
}

/// Returns the character that a control word stands for.
pub(super) fn character(word: &str) -> Option<&'static str> {
    Some(match word {
        "tab" => "\t",
        "line" | "lbr" | "page" | "column" => "\n",
        "emdash" => "—",
        "endash" => "–",
        "lquote" => "‘",
        "rquote" => "’",
        "ldblquote" => "“",
        "rdblquote" => "”",
        "bullet" => "•",
        "emspace" | "enspace" | "qmspace" => " ",
        "zwj" => "\u{200D}",
        "zwnj" => "\u{200C}",
        _ => return None,
    })
}
