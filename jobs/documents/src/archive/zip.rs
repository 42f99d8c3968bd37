//! ZIP archives.

use std::io::Cursor;
use std::ops::ControlFlow;

use ::zip::ZipArchive;
use ::zip::result::ZipError;

use super::stream::read_member;
use super::{Visit, names, offer};
use crate::error::{ErrorCode, ParseError};
use crate::nest::Nest;

/// Signature of the record that ends an archive.
const DIRECTORY_END: &[u8] = b"PK\x05\x06";

pub(super) fn walk<'a>(
    bytes: &[u8],
    prefix: &str,
    nest: Nest<'a>,
    visit: Visit<'_, 'a>,
) -> Result<ControlFlow<()>, ParseError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
        if memchr::memmem::rfind(bytes, DIRECTORY_END).is_none() {
            ParseError::new(
                ErrorCode::Truncated,
                "the ZIP archive ends too early: its directory, which comes last, is missing; get the file again",
            )
        } else {
            ParseError::new(
                ErrorCode::Malformed,
                format!("the directory of the ZIP archive is damaged: {error}"),
            )
        }
    })?;
    for index in 0..archive.len() {
        let Some((name, content)) = member(&mut archive, index, nest) else {
            continue;
        };
        let label = names::join(prefix, &name);
        let content = content.as_deref().map_err(Clone::clone);
        let flow = match content {
            Err(error) if error.code == ErrorCode::Bomb && nest.is_spent() => return Err(error),
            content => offer(&label, content, nest, &mut *visit)?,
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Reads a member; `None` for a folder or a dropping.
fn member(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    nest: Nest<'_>,
) -> Option<(String, Result<Vec<u8>, ParseError>)> {
    let (raw, is_link, compressed) = match archive.by_index_raw(index) {
        Ok(member) if member.is_dir() => return None,
        Ok(member) => (
            names::decode(member.name_raw()),
            member.is_symlink(),
            member.compressed_size(),
        ),
        Err(error) => return Some((format!("member {}", index + 1), Err(failure(&error)))),
    };
    let name = match names::clean(&raw) {
        Ok(name) if names::is_dropping(&name) => return None,
        Ok(name) => name,
        Err(error) => return Some((names::shown(&raw), Err(error))),
    };
    if is_link {
        let error = ParseError::new(
            ErrorCode::Unsupported,
            "it is a link, and links are not followed",
        );
        return Some((name, Err(error)));
    }
    let content = match archive.by_index(index) {
        Ok(member) => read_member(member, Some(compressed), nest),
        Err(error) => Err(failure(&error)),
    };
    Some((name, content))
}

fn failure(error: &ZipError) -> ParseError {
    match error {
        ZipError::UnsupportedArchive(message) if *message == ZipError::PASSWORD_REQUIRED => {
            ParseError::new(
                ErrorCode::Encrypted,
                "it needs a password; make an archive without one and submit that",
            )
        }
        ZipError::UnsupportedArchive(message) => ParseError::new(
            ErrorCode::Unsupported,
            format!("it cannot be read: {message}"),
        ),
        error => ParseError::new(ErrorCode::Malformed, format!("it cannot be read: {error}")),
    }
}
