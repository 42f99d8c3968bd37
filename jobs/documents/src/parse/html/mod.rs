//! HTML, from its tokens.
//!
//! html5ever's tokenizer reads the page; no tree is built. Building one takes time quadratic in the nesting, which
//! 100,000 open `<div>` turn into minutes, and text needs less: [`walk`] keeps a stack of open block elements, closes
//! those that HTML closes by itself, and does not descend beyond the nesting limit.

mod elements;
mod walk;

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
    states::RawKind,
};

use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use walk::Walk;

/// Pushes the blocks of the page `text`: main text without scripts, styles, form controls and navigation.
///
/// Where navigation is all there is, it is the text.
pub(super) fn parse(text: &str, limits: &Limits, builder: &mut DocumentBuilder) {
    let mut walk = run(text, Walk::new(limits, builder, false));
    if walk.is_empty() && walk.skipped_navigation() {
        walk = run(text, Walk::new(limits, builder, true));
    }
    drop(walk);
}

fn run<'a>(text: &str, walk: Walk<'a>) -> Walk<'a> {
    let sink = Sink {
        walk: RefCell::new(walk),
        is_xhtml: is_xhtml(text),
    };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(text));
    // A sink that never hands back a script is never paused.
    while !matches!(tokenizer.feed(&input), html5ever::TokenizerResult::Done) {}
    tokenizer.end();
    let mut walk = tokenizer.sink.walk.into_inner();
    walk.finish();
    walk
}

/// The tokenizer hands out shared references only, hence the cell.
struct Sink<'a> {
    walk: RefCell<Walk<'a>>,
    /// Every element may end in its start tag; in HTML `<script/>` opens one, and the rest of the page is in it.
    is_xhtml: bool,
}

impl TokenSink for Sink<'_> {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut walk = self.walk.borrow_mut();
        match token {
            Token::CharacterTokens(text) => walk.text(&text),
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => {
                walk.start(&tag);
                if tag.self_closing && self.is_xhtml {
                    walk.end(&tag.name);
                    return TokenSinkResult::Continue;
                }
                return content_model(&tag);
            }
            Token::TagToken(tag) => walk.end(&tag.name),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// Tells whether a page follows the rules of XML, by its declaration or its namespace.
fn is_xhtml(text: &str) -> bool {
    const WINDOW: usize = 1024;
    let head = &text[..text.floor_char_boundary(WINDOW)];
    head.trim_start().starts_with("<?xml") || head.contains("http://www.w3.org/1999/xhtml")
}

/// What the tree builder would tell the tokenizer: the content of some elements is not markup.
fn content_model(tag: &Tag) -> TokenSinkResult<()> {
    match &*tag.name {
        "script" => TokenSinkResult::RawData(RawKind::ScriptData),
        "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
            TokenSinkResult::RawData(RawKind::Rawtext)
        }
        "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
        "plaintext" => TokenSinkResult::Plaintext,
        _ => TokenSinkResult::Continue,
    }
}

#[cfg(test)]
mod tests {
    use crate::block::{BlockKind, Document};
    use crate::limits::Limits;
    use crate::parse::parse_bytes;

    fn parse(html: &str) -> Document {
        let document = parse_bytes(html.as_bytes(), Some("html"), &Limits::default()).unwrap();
        document.check().unwrap();
        document
    }

    #[test]
    fn structure_is_kept_and_noise_goes() {
        let document = parse(
            "<!DOCTYPE html><html><head><title>A &amp; B</title><style>p{}</style><script>if (a<b) {}</script></head>\
             <body><nav><a>Home</a></nav><h1>One<a class='headerlink' href='#x'>¶</a></h1><p>first\n  line<br>second\
             <p>next <b>bold</b>text<ul><li>a<li>b<ul><li>c</ul></ul>\
             <table><tr><th>k<th>v<tr><td>1<td><p>2</table><pre>  x\n y</pre><blockquote>q</blockquote></body></html>",
        );
        assert_eq!(document.title.as_deref(), Some("A & B"));
        assert_eq!(
            document.text,
            "One\n\nfirst line\nsecond\n\nnext boldtext\n\na\nb\nc\n\nk | v\n1 | 2\n\n  x\n y\n\nq"
        );
        let kinds: Vec<BlockKind> = document.blocks.iter().map(|block| block.kind).collect();
        assert_eq!(kinds[0], BlockKind::Heading(1));
        assert_eq!(kinds[3..6], [BlockKind::ListItem; 3]);
        assert_eq!(
            kinds[6..],
            [
                BlockKind::Table,
                BlockKind::Table,
                BlockKind::Code,
                BlockKind::Quote
            ]
        );
    }

    #[test]
    fn navigation_is_the_text_where_there_is_nothing_else() {
        assert_eq!(
            parse("<html><body><nav><p>Home</nav></body></html>").text,
            "Home"
        );
    }

    #[test]
    fn layout_tables_are_not_tables() {
        let document = parse(
            "<table><tr><td><h1>T</h1><p>a<table><tr><td>1<td>2</table><p>b</td></tr></table>",
        );
        assert_eq!(document.text, "T\n\na\n\n1 | 2\n\nb");
    }

    #[test]
    fn elements_of_xhtml_end_in_their_start_tag() {
        let document = parse(
            "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title/><script src='x'/></head>\
             <body><div/><p/>a<textarea/><td/><p>b<br/>c</p></body></html>",
        );
        assert_eq!(document.text, "a\n\nb\nc");
    }

    #[test]
    fn deep_nesting_is_flattened() {
        let html = format!(
            "<html>{}deep{}<p>after",
            "<div>".repeat(20_000),
            "</div>".repeat(20_000)
        );
        assert_eq!(parse(&html).text, "deep\n\nafter");
    }
}
