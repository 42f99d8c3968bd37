//! The ZIP container, with bounds on what it may inflate to.

use std::collections::HashMap;
use std::io::{Cursor, Read as _};

use zip::ZipArchive;
use zip::result::ZipError;

use super::relations::Relations;
use super::xml::malformed;
use crate::detect::encoding;
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;

/// Signature of the record that ends a ZIP archive.
const DIRECTORY_END: &[u8] = b"PK\x05\x06";

/// An open package.
pub(super) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// The format in messages: `DOCX`.
    format: &'static str,
    limits: &'a Limits,
    /// Bytes inflated so far, counted while inflating: the sizes in the directory may lie.
    inflated: u64,
    warnings: Vec<String>,
    /// Members by their names in lower case with slashes; filled when the first name is not found as it is.
    folded_names: Option<HashMap<String, usize>>,
}

impl<'a> Package<'a> {
    pub(super) fn open(
        bytes: &'a [u8],
        format: &'static str,
        limits: &'a Limits,
    ) -> Result<Self, ParseError> {
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
            if memchr::memmem::rfind(bytes, DIRECTORY_END).is_none() {
                ParseError::new(
                    ErrorCode::Truncated,
                    format!("the {format} archive ends too early: its directory, which comes last, is missing"),
                )
            } else {
                malformed(format!(
                    "the directory of the {format} archive is damaged: {error}"
                ))
            }
        })?;
        Ok(Self {
            archive,
            format,
            limits,
            inflated: 0,
            warnings: Vec::new(),
            folded_names: None,
        })
    }

    pub(super) fn limits(&self) -> &'a Limits {
        self.limits
    }

    pub(super) fn warnings(self) -> Vec<String> {
        self.warnings
    }

    /// Returns the names of all members, with `/` between steps.
    pub(super) fn names(&self) -> Vec<String> {
        self.archive
            .file_names()
            .map(|name| name.unwrap_or_default().replace('\\', "/"))
            .collect()
    }

    /// Returns the name of an Office package's main part: `usual`, or the one that the package names.
    pub(super) fn main_part(&mut self, usual: &str) -> Result<String, ParseError> {
        if self.archive.index_for_name(usual).is_some() {
            return Ok(usual.to_owned());
        }
        let relations = Relations::of(self, "")?;
        let main = relations.of_kind("officeDocument").next();
        Ok(main.unwrap_or(usual).to_owned())
    }

    /// Reads an XML part; `None` if there is no such part.
    ///
    /// # Errors
    /// `parse.malformed` if it is no text, and those of [`Package::read_bytes`].
    pub(super) fn read(&mut self, name: &str) -> Result<Option<String>, ParseError> {
        let Some(content) = self.read_bytes(name)? else {
            return Ok(None);
        };
        // Nearly every part is UTF-8 with an ASCII beginning; the others need a closer look.
        let content = match content.first() {
            Some(b'<') if !content.contains(&0) => match String::from_utf8(content) {
                Ok(text) => return Ok(Some(text)),
                Err(error) => error.into_bytes(),
            },
            _ => content,
        };
        encoding::decode(&content)
            .map(|decoded| Some(decoded.text))
            .ok_or_else(|| malformed(format!("`{name}` is not XML")))
    }

    /// Inflates a member; `None` if there is none of this name. Names are compared without regard to case.
    ///
    /// # Errors
    /// `parse.bomb`, `parse.encrypted`, `parse.malformed` if nothing of it can be inflated.
    pub(super) fn read_bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>, ParseError> {
        let allowed = self
            .limits
            .max_member_bytes
            .min(self.limits.max_inflated_bytes.saturating_sub(self.inflated));
        let mut content = Vec::new();
        let index = self.find(name);
        let Some(index) = index else { return Ok(None) };
        let member = self
            .archive
            .by_index(index)
            .map_err(|error| failure(name, self.format, &error))?;
        // One byte more than allowed tells "too much" from "just fits".
        let outcome = member
            .take(allowed.saturating_add(1))
            .read_to_end(&mut content);
        self.inflated += content.len() as u64;
        if content.len() as u64 > allowed {
            return Err(ParseError::new(
                ErrorCode::Bomb,
                format!(
                    "`{name}` inflates to more than {} MiB, the limit",
                    allowed >> 20
                ),
            ));
        }
        if let Err(error) = outcome {
            if content.is_empty() {
                return Err(malformed(format!("`{name}` cannot be inflated: {error}")));
            }
            self.warnings.push(format!(
                "`{name}` is damaged ({error}); the text before the damage was read"
            ));
        }
        Ok(Some(content))
    }

    /// Part names are compared without regard to case, and some writers use backslashes.
    fn find(&mut self, name: &str) -> Option<usize> {
        let fold = |name: &str| name.replace('\\', "/").to_ascii_lowercase();
        if let Some(index) = self.archive.index_for_name(name) {
            return Some(index);
        }
        if self.folded_names.is_none() {
            let mut folded = HashMap::with_capacity(self.archive.len());
            for (index, member) in self.archive.file_names().enumerate() {
                if let Ok(member) = member {
                    folded.entry(fold(&member)).or_insert(index);
                }
            }
            self.folded_names = Some(folded);
        }
        self.folded_names.as_ref()?.get(&fold(name)).copied()
    }
}

/// Returns the folder of a part, without the last slash.
pub(super) fn folder_of(part: &str) -> &str {
    part.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn failure(name: &str, format: &str, error: &ZipError) -> ParseError {
    match error {
        ZipError::UnsupportedArchive(message) if *message == ZipError::PASSWORD_REQUIRED => {
            ParseError::new(
                ErrorCode::Encrypted,
                format!(
                    "the {format} archive needs a password; save a copy without one and submit that"
                ),
            )
        }
        error => malformed(format!("`{name}` cannot be read from the archive: {error}")),
    }
}
