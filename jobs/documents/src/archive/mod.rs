//! Archives: ZIP and TAR, and the streams GZIP and Zstandard, as a walk over their members.
//!
//! A walk hands out one member after the other, those of archives within archives too, with its name for a label.
//! Nothing is ever written, so no name and no link can lead anywhere; names that try are refused all the same, because
//! whoever gets them may join them to a path. What members inflate to is bounded for each and in all, and against the
//! size they had (`stream`).

mod names;
mod stream;
mod tar;
mod zip;
mod zstd;

use std::ops::ControlFlow;

use crate::detect::{FileType, archive_type};
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;
use crate::nest::{Nest, Usage};

pub(crate) use stream::{Single, inflate_single};
pub(crate) use tar::is_tar;

/// A file within an archive.
pub(crate) struct Member<'m, 'a> {
    /// Its path in the archive, cleaned: relative, with `/`, without `..`; members of archives within begin with the path
    /// of theirs.
    pub(crate) name: &'m str,
    /// Its bytes, or why they are left out.
    pub(crate) content: Result<&'m [u8], ParseError>,
    /// The place of the member.
    pub(crate) nest: Nest<'a>,
}

/// Takes members; `Break` ends the walk.
pub(crate) type Visit<'v, 'a> = &'v mut dyn FnMut(Member<'_, 'a>) -> ControlFlow<()>;

/// Calls `visit` with the name and the bytes of each file in an archive (ZIP, TAR, GZIP, Zstandard, `.tar.gz`), and of
/// each file in archives within, up to [`Limits::max_container_depth`].
///
/// Names are relative and clean (`inner.zip/folder/a.txt`), yet not unique. A file that cannot be read, is a link, or has
/// a name that leads outside comes as an error that says why; the walk goes on with the next. Folders and the droppings
/// of file managers are passed over.
///
/// # Errors
/// `parse.unsupported` if the bytes are no archive, `parse.truncated` and `parse.malformed` if its directory cannot be
/// read, `parse.bomb` once all members together reach [`Limits::max_inflated_bytes`]; members visited before were fine.
pub fn members(
    bytes: &[u8],
    limits: &Limits,
    mut visit: impl FnMut(&str, Result<&[u8], ParseError>) -> ControlFlow<()>,
) -> Result<(), ParseError> {
    let Some(file_type) = archive_type(bytes) else {
        return Err(ParseError::new(
            ErrorCode::Unsupported,
            "this is no archive; archives are zip, tar, gz, tar.gz, zst, tar.zst",
        ));
    };
    let usage = Usage::default();
    walk(
        bytes,
        file_type,
        "",
        Nest::outermost(limits, &usage).enter()?,
        &mut |member: Member<'_, '_>| visit(member.name, member.content),
    )
    .map(|_| ())
}

/// Walks over an archive of a known type; `prefix` is the path of what it lies in, `nest` the place of its members.
pub(crate) fn walk<'a>(
    bytes: &[u8],
    file_type: FileType,
    prefix: &str,
    nest: Nest<'a>,
    visit: Visit<'_, 'a>,
) -> Result<ControlFlow<()>, ParseError> {
    match file_type {
        FileType::Zip => zip::walk(bytes, prefix, nest, visit),
        FileType::Tar => tar::walk(bytes, prefix, nest, visit),
        _ => match inflate_single(bytes, file_type, nest)? {
            Single::Tar => stream::walk_tar(bytes, file_type, prefix, nest, visit),
            Single::File { name, content } => {
                let label = names::join(prefix, &name);
                offer(&label, Ok(&content), nest, visit)
            }
        },
    }
}

/// Hands out a member; one that is an archive is walked over itself.
fn offer<'a>(
    name: &str,
    content: Result<&[u8], ParseError>,
    nest: Nest<'a>,
    visit: Visit<'_, 'a>,
) -> Result<ControlFlow<()>, ParseError> {
    if let Err(error) = nest.count_member() {
        let _ = visit(Member {
            name,
            content: Err(error),
            nest,
        });
        return Ok(ControlFlow::Break(()));
    }
    let archive = content
        .as_ref()
        .ok()
        .and_then(|bytes| Some((*bytes, archive_type(bytes)?)));
    let content = match archive {
        None => content,
        Some((bytes, file_type)) => {
            let inner = nest
                .enter()
                .and_then(|nest| walk(bytes, file_type, &format!("{name}/"), nest, &mut *visit));
            match inner {
                Ok(flow) => return Ok(flow),
                Err(error) if error.code == ErrorCode::Bomb && nest.is_spent() => {
                    return Err(error);
                }
                Err(error) => Err(error),
            }
        }
    };
    Ok(visit(Member {
        name,
        content,
        nest,
    }))
}

#[cfg(test)]
mod tests;
