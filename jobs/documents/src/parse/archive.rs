//! An archive as one document: each member that can be read is a section below its name.
//!
//! A compressed stream of one file is that file: `notes.txt.gz` is a text.

use std::ops::ControlFlow;

use super::parse_within;
use crate::archive::{Member, Single, inflate_single, walk};
use crate::block::{BlockKind, Document};
use crate::detect::FileType;
use crate::error::{ErrorCode, ParseError};
use crate::nest::Nest;
use crate::normalise::DocumentBuilder;

/// Reads an archive; what is left out of it is in the warnings.
///
/// # Errors
/// `parse.bomb`, `parse.truncated` and `parse.malformed` of the archive itself; the error of the first member if none can
/// be read; `parse.empty` if it has none; for a stream of one file every error of its type.
pub(super) fn parse(
    bytes: &[u8],
    file_type: FileType,
    nest: Nest<'_>,
) -> Result<Document, ParseError> {
    let nest = nest.enter()?;
    if matches!(file_type, FileType::Gzip | FileType::Zstd) {
        match inflate_single(bytes, file_type, nest)? {
            Single::File { name, content } => {
                return parse_within(&content, extension(&name), nest);
            }
            Single::Tar => {}
        }
    }
    let mut sections = Sections {
        builder: DocumentBuilder::new(if file_type == FileType::Zip {
            FileType::Zip
        } else {
            FileType::Tar
        }),
        first_error: None,
    };
    let _flow = walk(bytes, file_type, "", nest, &mut |member| {
        sections.take(member)
    })?;
    sections.finish()
}

/// Returns the ending of a name: the type that it declares.
pub(super) fn extension(name: &str) -> Option<&str> {
    let last = name.rsplit('/').next()?;
    last.rsplit_once('.').map(|(_, extension)| extension)
}

struct Sections {
    builder: DocumentBuilder,
    first_error: Option<ParseError>,
}

impl Sections {
    fn take(&mut self, member: Member<'_, '_>) -> ControlFlow<()> {
        let name = member.name;
        let document = member
            .content
            .and_then(|bytes| parse_within(bytes, extension(name), member.nest));
        match document {
            Ok(document) => {
                self.builder.push(BlockKind::Heading(1), name);
                self.builder.append(name, &document, 1);
            }
            Err(error) => {
                self.builder.warn(format!("`{name}` was left out: {error}"));
                self.first_error.get_or_insert(error);
            }
        }
        ControlFlow::Continue(())
    }

    fn finish(self) -> Result<Document, ParseError> {
        if !self.builder.is_empty() {
            return Ok(self.builder.finish());
        }
        Err(self
            .first_error
            .unwrap_or_else(|| ParseError::new(ErrorCode::Empty, "the archive holds no files")))
    }
}
