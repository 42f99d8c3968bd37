//! Compound files (CFB), the container of Office before 2007.

use std::io::{Cursor, Read as _};

use super::xml::malformed;
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;

/// An open compound file.
pub(super) struct Compound<'a> {
    file: cfb::CompoundFile<Cursor<&'a [u8]>>,
    limits: &'a Limits,
}

impl<'a> Compound<'a> {
    /// Opens a file; `format` is for messages: `DOC`.
    ///
    /// # Errors
    /// `parse.truncated`, `parse.malformed`.
    pub(super) fn open(
        bytes: &'a [u8],
        format: &'static str,
        limits: &'a Limits,
    ) -> Result<Self, ParseError> {
        const HEADER_BYTES: usize = 512;
        if bytes.len() <= HEADER_BYTES {
            return Err(ParseError::new(
                ErrorCode::Truncated,
                format!("the {format} file ends within its header; get it again"),
            ));
        }
        match cfb::CompoundFile::open(Cursor::new(bytes)) {
            Ok(file) => Ok(Self { file, limits }),
            Err(error) => Err(malformed(format!(
                "the directory of the {format} file is damaged: {error}"
            ))),
        }
    }

    /// Reads a stream at the root; `None` if there is none of this name. What is left of a damaged one is returned.
    pub(super) fn stream(&mut self, name: &str) -> Option<Vec<u8>> {
        let stream = self.file.open_stream(name).ok()?;
        let mut content = Vec::new();
        // A stream is part of the file, so the file's size bounds it too; chains of sectors may be circular, though.
        let _ = stream
            .take(self.limits.max_member_bytes)
            .read_to_end(&mut content);
        Some(content)
    }
}
