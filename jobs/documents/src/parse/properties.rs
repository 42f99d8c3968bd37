//! The properties of a package: the title that its author gave it.

use super::package::Package;
use super::xml::{Node, walk_nodes};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;

/// The part of Office Open XML.
pub(super) const OFFICE: &str = "docProps/core.xml";
/// The part of OpenDocument.
pub(super) const OPEN_DOCUMENT: &str = "meta.xml";

/// Gives the builder the title in the properties, if there is one. Damaged properties cost the title, not the document.
///
/// # Errors
/// Those of [`Package::read`].
pub(super) fn set_title(
    package: &mut Package<'_>,
    part: &str,
    limits: &Limits,
    builder: &mut DocumentBuilder,
) -> Result<(), ParseError> {
    if let Some(xml) = package.read(part)?
        && let Ok(title) = title(&xml, limits)
    {
        builder.set_title(&title);
    }
    Ok(())
}

/// Returns `dc:title`.
fn title(xml: &str, limits: &Limits) -> Result<String, ParseError> {
    let mut title = String::new();
    let mut within = false;
    walk_nodes(xml, limits, |node| {
        match node {
            Node::Open(element) => within = element.local_name().as_ref() == "title",
            Node::Close(_) => within = false,
            Node::Text(text) if within => title.push_str(&text),
            _ => {}
        }
        Ok(())
    })?;
    Ok(title)
}
