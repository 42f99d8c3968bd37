//! TAR archives, plain or inflated on the way.

use std::io::Read;
use std::ops::ControlFlow;

use ::tar::{Archive, Entry, EntryType};

use super::{Visit, names, offer};
use crate::error::{ErrorCode, ParseError};
use crate::nest::Nest;

const HEADER_BYTES: usize = 512;

/// Tells whether the bytes begin with the header of a TAR archive: the checksum is right.
///
/// The magic number came late to the format; archives without it are still made.
pub(crate) fn is_tar(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..HEADER_BYTES) else {
        return false;
    };
    let written = header[148..156]
        .iter()
        .skip_while(|byte| **byte == b' ')
        .take_while(|byte| matches!(byte, b'0'..=b'7'))
        .fold(0_u32, |sum, byte| sum * 8 + u32::from(byte - b'0'));
    let blanks = 8 * u32::from(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum::<u32>() + blanks
        - header[148..156]
            .iter()
            .map(|byte| u32::from(*byte))
            .sum::<u32>();
    // A block of NULs ends an archive and begins none.
    header[0] != 0 && written == sum
}

/// Walks over the members of an archive that is read from its beginning.
pub(super) fn walk<'a>(
    reader: impl Read,
    prefix: &str,
    nest: Nest<'a>,
    visit: Visit<'_, 'a>,
) -> Result<ControlFlow<()>, ParseError> {
    let mut archive = Archive::new(reader);
    let entries = archive.entries().map_err(|error| damaged(&error))?;
    let mut first = true;
    for entry in entries {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) if first => return Err(damaged(&error)),
            // What came before the damage was read; the rest has no names.
            Err(error) => {
                return offer(&format!("{prefix}…"), Err(damaged(&error)), nest, visit);
            }
        };
        first = false;
        let Some((name, content)) = member(&mut entry, nest) else {
            continue;
        };
        let label = names::join(prefix, &name);
        let content = content.as_deref().map_err(Clone::clone);
        let is_cut = content
            .as_ref()
            .is_err_and(|error| error.code == ErrorCode::Truncated);
        let flow = offer(&label, content, nest, &mut *visit)?;
        if flow.is_break() || is_cut {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Reads a member; `None` for a folder, a dropping, and what describes other members.
fn member(
    entry: &mut Entry<'_, impl Read>,
    nest: Nest<'_>,
) -> Option<(String, Result<Vec<u8>, ParseError>)> {
    let refused = match entry.header().entry_type() {
        EntryType::Regular | EntryType::Continuous => None,
        EntryType::Link | EntryType::Symlink => Some("it is a link, and links are not followed"),
        EntryType::GNUSparse => Some("it is a sparse file, and those are not read"),
        EntryType::Char | EntryType::Block | EntryType::Fifo => {
            Some("it is a device, and those are not read")
        }
        _ => return None,
    };
    let raw = names::decode(&entry.path_bytes());
    let name = match names::clean(&raw) {
        Ok(name) if names::is_dropping(&name) => return None,
        Ok(name) => name,
        Err(error) => return Some((names::shown(&raw), Err(error))),
    };
    let content = match refused {
        Some(why) => Err(ParseError::new(ErrorCode::Unsupported, why)),
        None => read(entry, nest),
    };
    Some((name, content))
}

/// The bytes of a member lie in the archive as they are, so there is nothing to inflate; only its size is bounded.
fn read(entry: &mut Entry<'_, impl Read>, nest: Nest<'_>) -> Result<Vec<u8>, ParseError> {
    let allowed = nest.limits.max_member_bytes;
    let size = entry.size();
    let mut content = Vec::new();
    let outcome = entry
        .take(allowed.saturating_add(1))
        .read_to_end(&mut content);
    if content.len() as u64 > allowed {
        return Err(ParseError::new(
            ErrorCode::TooLarge,
            format!(
                "it is larger than {} MiB, the limit for one file",
                allowed >> 20
            ),
        ));
    }
    outcome.map_err(|error| damaged(&error))?;
    if (content.len() as u64) < size {
        return Err(truncated());
    }
    Ok(content)
}

fn damaged(error: &std::io::Error) -> ParseError {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return truncated();
    }
    ParseError::new(
        ErrorCode::Malformed,
        format!("the TAR archive is damaged: {error}"),
    )
}

fn truncated() -> ParseError {
    ParseError::new(
        ErrorCode::Truncated,
        "the archive ends too early; get the file again",
    )
}
