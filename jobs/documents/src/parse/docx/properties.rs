//! The document's properties.

use quick_xml::events::Event;

use super::{resolve, walk_xml};
use crate::error::ParseError;
use crate::limits::Limits;

/// Returns `dc:title`.
pub(super) fn title(xml: &str, limits: &Limits) -> Result<Option<String>, ParseError> {
    let mut title = String::new();
    let mut within = false;
    walk_xml(xml, limits, |event| {
        match event {
            Event::Start(element) => within = element.local_name().as_ref() == "title",
            Event::End(_) => within = false,
            Event::Text(text) if within => title.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) if within => title.extend(resolve(reference)),
            _ => {}
        }
        Ok(())
    })?;
    Ok(Some(title).filter(|title| !title.trim().is_empty()))
}
