//! What the elements of HTML mean for text.

use html5ever::tokenizer::Tag;

/// How an element takes part in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Flows with the text around it.
    Inline,
    /// Ends the paragraph before and after it.
    Block,
    Paragraph,
    Heading(u8),
    List,
    Item,
    Preformatted,
    Quote,
    Caption,
    Table,
    Row,
    Cell,
    /// A line break.
    Break,
    /// A block without content.
    Rule,
    Title,
    /// A site's menus: no text of the page.
    Navigation,
    /// Never text.
    Hidden,
}

/// Tells the role of an element by its name and attributes.
pub(super) fn role(tag: &Tag) -> Role {
    if attribute(tag, "hidden").is_some() && !is_void(&tag.name) {
        return Role::Hidden;
    }
    let by_name = role_by_name(&tag.name);
    let menu = matches!(
        attribute(tag, "role"),
        Some("navigation" | "search" | "menu" | "menubar")
    );
    if menu && by_name != Role::Inline {
        Role::Navigation
    } else {
        by_name
    }
}

fn role_by_name(name: &str) -> Role {
    match name {
        "h1" => Role::Heading(1),
        "h2" => Role::Heading(2),
        "h3" => Role::Heading(3),
        "h4" => Role::Heading(4),
        "h5" => Role::Heading(5),
        "h6" => Role::Heading(6),
        "p" => Role::Paragraph,
        "ul" | "ol" | "dl" | "menu" | "dir" => Role::List,
        "li" | "dt" | "dd" => Role::Item,
        "pre" | "xmp" | "listing" | "plaintext" => Role::Preformatted,
        "blockquote" => Role::Quote,
        "caption" | "figcaption" => Role::Caption,
        "table" => Role::Table,
        "tr" => Role::Row,
        "td" | "th" => Role::Cell,
        "br" => Role::Break,
        "hr" => Role::Rule,
        "title" => Role::Title,
        "nav" => Role::Navigation,
        "script" | "style" | "template" | "noscript" | "select" | "datalist" | "button"
        | "textarea" | "iframe" | "object" | "canvas" | "audio" | "video" | "svg" | "noembed"
        | "noframes" => Role::Hidden,
        "html" | "body" | "head" | "div" | "section" | "article" | "main" | "header" | "footer"
        | "aside" | "address" | "center" | "details" | "summary" | "dialog" | "fieldset"
        | "legend" | "figure" | "form" | "hgroup" | "thead" | "tbody" | "tfoot" | "colgroup"
        | "optgroup" | "option" | "frameset" | "search" => Role::Block,
        _ => Role::Inline,
    }
}

/// Tells whether an element never has content, so never an end tag.
pub(super) fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "param"
            | "source"
            | "track"
            | "wbr"
            | "frame"
            | "basefont"
            | "bgsound"
    )
}

/// Returns the value of an attribute.
pub(super) fn attribute<'a>(tag: &'a Tag, name: &str) -> Option<&'a str> {
    tag.attrs
        .iter()
        .find(|attribute| &*attribute.name.local == name)
        .map(|attribute| &*attribute.value)
}
