//! Copy protection: `META-INF/encryption.xml` lists what is encrypted.

use std::collections::HashSet;

use quick_xml::events::Event;

use super::super::package::Package;
use super::super::xml::{attribute, walk_xml};
use super::resolve_path;
use crate::error::ParseError;
use crate::limits::Limits;

/// Fonts are made unusable outside of the book by these, which is no protection of the text.
const FONT_ALGORITHMS: [&str; 2] = [
    "http://www.idpf.org/2008/embedding",
    "http://ns.adobe.com/pdf/enc#RC",
];

/// Returns the members that are encrypted.
///
/// # Errors
/// Those of reading the list.
pub(super) fn protected(
    package: &mut Package<'_>,
    limits: &Limits,
) -> Result<HashSet<String>, ParseError> {
    let mut members = HashSet::new();
    let Some(xml) = package.read("META-INF/encryption.xml")? else {
        return Ok(members);
    };
    let mut is_font = false;
    walk_xml(&xml, limits, |event| {
        if let Event::Start(element) | Event::Empty(element) = event {
            match element.local_name().as_ref() {
                "EncryptedData" => is_font = false,
                "EncryptionMethod" => {
                    // The method of a key comes within the data's, after its own.
                    is_font |= attribute(element, "Algorithm")
                        .is_some_and(|algorithm| FONT_ALGORITHMS.contains(&algorithm.as_str()));
                }
                "CipherReference" if !is_font => {
                    members.extend(attribute(element, "URI").map(|uri| resolve_path("", &uri)));
                }
                _ => {}
            }
        }
        Ok(())
    })?;
    Ok(members)
}
