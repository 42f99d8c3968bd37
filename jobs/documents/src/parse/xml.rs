//! XML parts of packages, as a flat stream of opened and closed elements and text.
//!
//! Entities other than the five of XML and character references are never expanded, and nesting is bounded.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;

/// What a part is made of. Names come without their prefix.
pub(super) enum Node<'a> {
    Open(&'a BytesStart<'a>),
    Close(&'a str),
    Text(Cow<'a, str>),
    /// An entity that was not expanded.
    Entity,
}

/// Calls `visit` for each node of `xml`. An empty element opens and closes.
///
/// # Errors
/// `parse.malformed`, `parse.limit` (nesting), and those of `visit`.
pub(super) fn walk_nodes(
    xml: &str,
    limits: &Limits,
    mut visit: impl FnMut(Node<'_>) -> Result<(), ParseError>,
) -> Result<(), ParseError> {
    walk_xml(xml, limits, |event| match event {
        Event::Start(element) => visit(Node::Open(element)),
        Event::Empty(element) => {
            visit(Node::Open(element))?;
            visit(Node::Close(element.local_name().into_inner()))
        }
        Event::End(element) => visit(Node::Close(element.local_name().into_inner())),
        Event::Text(text) => visit(Node::Text(text.xml10_content())),
        Event::CData(text) => visit(Node::Text(text.xml10_content())),
        Event::GeneralRef(reference) => match resolve(reference) {
            Some(character) => visit(Node::Text(Cow::Borrowed(
                character.encode_utf8(&mut [0; 4]),
            ))),
            None => visit(Node::Entity),
        },
        _ => Ok(()),
    })
}

/// Calls `visit` for each event of `xml`, whose nesting is bounded.
///
/// Entities other than the five of XML and character references are not expanded; they reach `visit` as they are.
pub(super) fn walk_xml(
    xml: &str,
    limits: &Limits,
    mut visit: impl FnMut(&Event<'_>) -> Result<(), ParseError>,
) -> Result<(), ParseError> {
    let mut reader = Reader::from_str(xml);
    // Office never writes mismatched tags; damaged files have them, and their text is worth having.
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut depth = 0_usize;
    loop {
        let event = reader.read_event().map_err(|error| {
            malformed(format!(
                "damaged XML at byte {}: {error}",
                reader.error_position()
            ))
        })?;
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Eof => return Ok(()),
            _ => {}
        }
        if depth > limits.max_nesting {
            return Err(ParseError::new(
                ErrorCode::Limit,
                format!(
                    "elements are nested more than {} levels deep",
                    limits.max_nesting
                ),
            ));
        }
        visit(&event)?;
    }
}

/// Returns the value of an attribute, by its name without prefix.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)?;
    attribute
        .normalized_value(quick_xml::XmlVersion::Implicit1_0)
        .ok()
        .map(Cow::into_owned)
}

/// Resolves `&lt;` and `&#x41;`; other entities are not expanded.
pub(super) fn resolve(reference: &BytesRef<'_>) -> Option<char> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Some(character);
    }
    match reference.borrow().into_inner().as_ref() {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

pub(super) fn malformed(message: impl Into<String>) -> ParseError {
    ParseError::new(ErrorCode::Malformed, message)
}
