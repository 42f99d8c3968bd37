use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::block::{BlockKind, Document};
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;
use crate::parse::parse_bytes;

const CONTAINER: &str =
    "<container><rootfiles><rootfile full-path='OEBPS/book.opf'/></rootfiles></container>";
const OPF: &str = "<package><metadata><dc:title>A &amp; B</dc:title><dc:title>subtitle</dc:title><dc:language>de-AT</dc:language>\
    </metadata><manifest><item id='n' href='nav.xhtml' media-type='application/xhtml+xml' properties='nav'/>\
    <item id='two' href='text/two.xhtml' media-type='application/xhtml+xml'/>\
    <item id='one' href='text/one%20.xhtml' media-type='application/xhtml+xml'/>\
    <item id='c' href='c.css' media-type='text/css'/></manifest>\
    <spine><itemref idref='n'/><itemref idref='one'/><itemref idref='two'/><itemref idref='gone'/></spine></package>";
const NAV: &str = "<html xmlns='http://www.w3.org/1999/xhtml'><body><nav><ol><li><a href='text/one%20.xhtml'>From <b>nav</b></a>\
    <ol><li><a href='text/two.xhtml#x'>Inner</a></li></ol></li></ol></nav></body></html>";
const ONE: &str = "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title/><script src='x'/></head>\
    <body><a id='x'/><p>first&#160;chapter</p></body></html>";
const TWO: &str =
    "<html xmlns='http://www.w3.org/1999/xhtml'><body><h2>Own</h2><p>second</p></body></html>";

fn book(members: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [("mimetype", "application/epub+zip")].iter().chain(members) {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn parse(members: &[(&str, &str)]) -> Result<Document, ParseError> {
    let document = parse_bytes(&book(members), None, &Limits::default())?;
    document.check().unwrap();
    assert_eq!(document.file_type, "epub");
    Ok(document)
}

const MEMBERS: [(&str, &str); 5] = [
    ("META-INF/container.xml", CONTAINER),
    ("OEBPS/book.opf", OPF),
    ("OEBPS/nav.xhtml", NAV),
    ("OEBPS/text/two.xhtml", TWO),
    ("OEBPS/text/one .xhtml", ONE),
];

#[test]
fn chapters_come_in_order_with_headings() {
    let document = parse(&MEMBERS).unwrap();
    assert_eq!(document.title.as_deref(), Some("A & B"));
    assert_eq!(document.text, "From nav\n\nfirst chapter\n\nOwn\n\nsecond");
    let kinds: Vec<BlockKind> = document.blocks.iter().map(|block| block.kind).collect();
    assert_eq!(kinds[0], BlockKind::Heading(1));
    assert_eq!(document.blocks[3].heading_path, ["From nav", "Own"]);
}

#[test]
fn old_tables_of_contents_are_read() {
    let opf = OPF.replace(" properties='nav'", "").replace(
        "nav.xhtml' media-type='application/xhtml+xml'",
        "toc.ncx' media-type='application/x-dtbncx+xml'",
    );
    let ncx = "<ncx><navMap><navPoint><navLabel><text>From NCX</text></navLabel><content src='text/one%20.xhtml#a'/>\
               </navPoint></navMap></ncx>";
    let mut members = MEMBERS;
    members[1].1 = &opf;
    members[2] = ("OEBPS/toc.ncx", ncx);
    assert!(
        parse(&members)
            .unwrap()
            .text
            .starts_with("From NCX\n\nfirst")
    );
}

#[test]
fn protected_books_are_refused_and_hidden_fonts_are_not() {
    let list = |algorithm: &str, member: &str| {
        format!(
            "<encryption><EncryptedData><EncryptionMethod Algorithm='{algorithm}'/><CipherData>\
             <CipherReference URI='{member}'/></CipherData></EncryptedData></encryption>"
        )
    };
    let protected = list(
        "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
        "OEBPS/text/two.xhtml",
    );
    let fonts = list("http://www.idpf.org/2008/embedding", "OEBPS/text/two.xhtml");
    let with = |list: &str| {
        let mut members = MEMBERS.to_vec();
        members.push(("META-INF/encryption.xml", list));
        parse(&members).map_err(|error| error.code)
    };
    assert_eq!(with(&protected).unwrap_err(), ErrorCode::Encrypted);
    assert!(with(&fonts).is_ok());
}

#[test]
fn books_without_order_are_read_by_name() {
    let document = parse(&MEMBERS[3..]).unwrap();
    assert_eq!(document.text, "first chapter\n\nOwn\n\nsecond");
    assert_eq!(document.warnings.len(), 1);
    assert_eq!(parse(&[]).unwrap_err().code, ErrorCode::Malformed);
}

#[test]
fn missing_chapters_are_told() {
    let document = parse(&MEMBERS[..4]).unwrap();
    assert_eq!(document.text, "Own\n\nsecond");
    assert_eq!(
        document.warnings,
        ["the chapter `OEBPS/text/one .xhtml` is missing in the book"]
    );
}

#[test]
fn references_stay_within_the_book() {
    assert_eq!(
        super::resolve_path("a/b/c.opf", "../d%20e.xhtml#f"),
        "a/d e.xhtml"
    );
    assert_eq!(
        super::resolve_path("c.opf", "../../../etc/passwd"),
        "etc/passwd"
    );
    assert_eq!(super::resolve_path("a/c.opf", "/x%zz"), "x%zz");
}

proptest::proptest! {
    #[test]
    fn damaged_books_never_panic(
        member in 0..5_usize,
        damage in proptest::collection::vec((0.0..1.0_f64, "[<>/'\"a-z&;=]{0,3}"), 0..8),
    ) {
        let mut members = MEMBERS;
        let mut content = members[member].1.to_owned();
        for (at, text) in damage {
            let at = content.floor_char_boundary((at * content.len() as f64) as usize);
            content.truncate(content.len().max(at));
            content.insert_str(at, &text);
        }
        members[member].1 = &content;
        if let Ok(document) = parse_bytes(&book(&members), None, &Limits::default()) {
            proptest::prop_assert_eq!(document.check(), Ok(()));
        }
    }
}
