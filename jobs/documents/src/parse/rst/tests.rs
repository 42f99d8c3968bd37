use crate::block::{BlockKind, Document};
use crate::limits::Limits;
use crate::parse::parse_bytes;

fn parse(text: &str) -> Document {
    let document = parse_bytes(text.as_bytes(), Some("rst"), &Limits::default()).unwrap();
    document.check().unwrap();
    assert_eq!(document.file_type, "rst");
    document
}

fn kinds(document: &Document) -> Vec<BlockKind> {
    document.blocks.iter().map(|block| block.kind).collect()
}

#[test]
fn sections_get_levels_in_the_order_of_their_marks() {
    let document = parse(
        "=====\nTitle\n=====\n\nOne\n---\n\na\n\nDeep\n~~~~\n\nb\n\n标题\n----\n\nc\n\n-----\n\nd\n",
    );
    assert_eq!(document.title.as_deref(), Some("Title"));
    assert_eq!(
        document.text,
        "Title\n\nOne\n\na\n\nDeep\n\nb\n\n标题\n\nc\n\nd"
    );
    let levels: Vec<BlockKind> = kinds(&document);
    assert_eq!(levels[0], BlockKind::Heading(1));
    assert_eq!(levels[1], BlockKind::Heading(2));
    assert_eq!(levels[3], BlockKind::Heading(3));
    assert_eq!(levels[5], BlockKind::Heading(2));
}

#[test]
fn inline_markup_goes() {
    for (written, read) in [
        ("Some *em* and **strong** text.", "Some em and strong text."),
        (
            "A ``*literal*`` and `link <http://x>`_ and `other`__.",
            "A *literal* and link and other.",
        ),
        (
            "See :py:func:`~os.path.join` and :ref:`the part <x-y>`.",
            "See join and the part.",
        ),
        (
            "Name_ and [1]_ but snake_case and a*b*c.",
            "Name and [1] but snake_case and a*b*c.",
        ),
        (
            "Escaped \\*stars\\* and in\\ *side*.",
            "Escaped *stars* and inside.",
        ),
        (
            "Call f(*args, **kwargs) now.",
            "Call f(*args, **kwargs) now.",
        ),
        ("|version| of 10:30 `open", "3.1 of 10:30 `open"),
    ] {
        let text = format!("{written}\n\n.. |version| replace:: 3.1\n");
        assert_eq!(parse(&text).text, read);
    }
}

#[test]
fn lists_definitions_and_quotes_are_told_apart() {
    let document = parse(
        "- one\n  goes on\n- two\n\n  * inner\n\n1. first\n2. second\n\nterm\n    meaning\n\n    > quoted\n\npara\n\n  aside\n\n\
         1. January\nwas cold.\n\n| verse\n| two\n\n:Author: Me\n",
    );
    assert_eq!(
        document.text,
        "one goes on\ntwo\ninner\nfirst\nsecond\nterm\nmeaning\n> quoted\n\npara\n\naside\n\n1. January was cold.\n\nverse\ntwo\n\nAuthor: Me"
    );
    assert_eq!(kinds(&document)[..8], [BlockKind::ListItem; 8]);
    assert_eq!(kinds(&document)[8], BlockKind::Paragraph);
    assert_eq!(kinds(&document)[9], BlockKind::Quote);
}

#[test]
fn literal_blocks_are_code() {
    let document = parse(
        "Like this::\n\n    x = *1*\n\n      y\n\nAlone ::\n\n  z\n\n::\n\n  w\n\n>>> 1 + 1\n2\n\nend\n",
    );
    assert_eq!(
        document.text,
        "Like this:\n\nx = *1*\n\n  y\n\nAlone\n\nz\n\nw\n\n>>> 1 + 1\n2\n\nend"
    );
    assert_eq!(
        kinds(&document)
            .iter()
            .filter(|kind| **kind == BlockKind::Code)
            .count(),
        4
    );
}

#[test]
fn directives_show_what_a_reader_sees() {
    let document = parse(
        ".. _target:\n\n.. toctree::\n   :maxdepth: 2\n\n   a\n   b\n\n.. note:: Mind *this*.\n\n   And that.\n\n\
         .. code-block:: python\n   :linenos:\n\n   print(1)\n\n.. function:: f(*args)\n\n   Does it.\n\n\
         .. figure:: x.png\n   :alt: A picture\n\n   The caption.\n\n.. versionadded:: 3.2\n\n.. a comment\n   goes on\n\n\
         .. [1] A footnote.\n\n..\n\ntext\n",
    );
    assert_eq!(
        document.text,
        "Mind this.\n\nAnd that.\n\nprint(1)\n\nf(*args)\n\nDoes it.\n\nA picture\n\nThe caption.\n\n\
         New in version 3.2\n\n[1] A footnote.\n\ntext"
    );
    assert_eq!(kinds(&document)[2], BlockKind::Code);
    assert_eq!(kinds(&document)[6], BlockKind::Caption);
}

#[test]
fn all_kinds_of_tables_have_rows() {
    let document = parse(
        "+-----+------+\n| k   | v    |\n+=====+======+\n| 1   | a b  |\n|     | c    |\n+-----+------+\n| 中文| 宽   |\n+-----+------+\n\n\
         ====  =====\nkey   value\n====  =====\nx     y z\n      more\nw     v\n====  =====\n\n\
         .. csv-table:: Title\n   :header: h1, h2\n\n   1, \"2, 3\"\n\n\
         .. list-table::\n   :widths: 1 2\n\n   * - a\n     - b\n   * - c\n     - ``d``\n",
    );
    assert_eq!(
        document.text,
        "k | v\n1 | a b c\n中文 | 宽\nkey | value\nx | y z more\nw | v\n\nTitle\n\nh1 | h2\n1 | 2, 3\na | b\nc | d"
    );
}

#[test]
fn unnamed_text_is_told_by_its_marks() {
    let text = "Title\n=====\n\n.. note:: x\n\n.. code-block:: c\n\n   y\n";
    let document = parse_bytes(text.as_bytes(), None, &Limits::default()).unwrap();
    assert_eq!(document.file_type, "rst");
}

#[test]
fn deep_nesting_is_flattened() {
    let lines: Vec<String> = (0..3000)
        .map(|depth| format!("{}x\n\n", " ".repeat(depth)))
        .collect();
    assert_eq!(parse(&lines.concat()).text.matches('x').count(), 3000);
}

proptest::proptest! {
    #[test]
    fn any_marks_keep_the_invariants(
        text in "(\\.\\. |::|:a:|`|``|\\*|\\*\\*|_|\\||\\+--\\+|\\+==\\+|==  ==|----|====|- |1\\. |>>> |\n|\n\n|   |[a-z文 \\\\<>]){0,60}",
    ) {
        if let Ok(document) = parse_bytes(text.as_bytes(), Some("rst"), &Limits::default()) {
            proptest::prop_assert_eq!(document.check(), Ok(()));
        }
    }
}
