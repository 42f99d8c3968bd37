//! Names of members: from what an archive says to a label that is safe to show and to join.

use crate::detect::encoding;
use crate::error::{ErrorCode, ParseError};

/// Longer names are cut; file systems take no more for one file.
const MAX_NAME_CHARS: usize = 255;

/// Decodes a name: UTF-8, or what the system had that made the archive.
pub(super) fn decode(raw: &[u8]) -> String {
    match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) => encoding::decode(raw).map_or_else(
            || String::from_utf8_lossy(raw).into_owned(),
            |decoded| decoded.text,
        ),
    }
}

/// Cleans a name: `/` between steps, no steps that go nowhere, no controls, bounded.
///
/// # Errors
/// `parse.malformed` for absolute names and those with `..`.
pub(super) fn clean(name: &str) -> Result<String, ParseError> {
    let name = name.replace('\\', "/");
    let drive = name.as_bytes().get(1) == Some(&b':');
    if name.starts_with('/') || drive || name.split('/').any(|step| step == "..") {
        return Err(ParseError::new(
            ErrorCode::Malformed,
            "its name leads outside of the archive",
        ));
    }
    let steps: Vec<&str> = name
        .split('/')
        .filter(|step| !step.is_empty() && *step != ".")
        .collect();
    Ok(shown(&steps.join("/")))
}

/// Returns a name as it can be shown in a message, whatever it is.
pub(super) fn shown(name: &str) -> String {
    name.chars()
        .filter(|character| !character.is_control())
        .take(MAX_NAME_CHARS)
        .collect()
}

/// Joins the path of an archive, which ends in `/` or is empty, and the name of a member; a member without one is
/// called by its place.
pub(super) fn join(prefix: &str, name: &str) -> String {
    if !name.is_empty() {
        format!("{prefix}{name}")
    } else if prefix.is_empty() {
        "content".to_owned()
    } else {
        let stream = prefix.trim_end_matches('/');
        [".gz", ".zst"]
            .into_iter()
            .find_map(|ending| stream.strip_suffix(ending))
            .unwrap_or(stream)
            .to_owned()
    }
}

/// Tells whether a member is a dropping of a file manager, which nobody put into the archive on purpose.
pub(super) fn is_dropping(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    name.starts_with("__MACOSX/")
        || last.starts_with("._")
        || matches!(last, ".DS_Store" | "Thumbs.db" | "desktop.ini")
}
