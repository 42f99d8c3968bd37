//! The ZIP container, with bounds on what it may inflate to.

use std::borrow::Cow;
use std::io::{Cursor, Read as _};

use quick_xml::events::Event;
use zip::ZipArchive;
use zip::result::ZipError;

use super::docx::{attribute, malformed, walk_xml};
use crate::detect::encoding;
use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;

/// Where Word puts the main part; a package may say otherwise.
const USUAL_MAIN_PART: &str = "word/document.xml";
/// Signature of the record that ends a ZIP archive.
const DIRECTORY_END: &[u8] = b"PK\x05\x06";

/// An open package.
pub(super) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    limits: &'a Limits,
    /// Bytes inflated so far, counted while inflating: the sizes in the directory may lie.
    inflated: u64,
    warnings: Vec<String>,
}

impl<'a> Package<'a> {
    pub(super) fn open(bytes: &'a [u8], limits: &'a Limits) -> Result<Self, ParseError> {
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
            if memchr::memmem::rfind(bytes, DIRECTORY_END).is_none() {
                ParseError::new(
                    ErrorCode::Truncated,
                    "the archive ends too early: its directory, which comes last, is missing",
                )
            } else {
                malformed(format!("the directory of the archive is damaged: {error}"))
            }
        })?;
        Ok(Self {
            archive,
            limits,
            inflated: 0,
            warnings: Vec::new(),
        })
    }

    pub(super) fn warnings(self) -> Vec<String> {
        self.warnings
    }

    /// Returns the names of all parts, with `/` between steps.
    pub(super) fn names(&self) -> Vec<String> {
        self.archive
            .file_names()
            .map(|name| name.unwrap_or_default().replace('\\', "/"))
            .collect()
    }

    /// Returns the name of the main part.
    pub(super) fn main_part(&mut self) -> Result<String, ParseError> {
        if self.archive.index_for_name(USUAL_MAIN_PART).is_some() {
            return Ok(USUAL_MAIN_PART.to_owned());
        }
        let mut found = None;
        if let Some(xml) = self.read("_rels/.rels")? {
            walk_xml(&xml, self.limits, |event| {
                if let Event::Start(element) | Event::Empty(element) = event
                    && attribute(element, "Type")
                        .is_some_and(|kind| kind.ends_with("/officeDocument"))
                {
                    found = attribute(element, "Target");
                }
                Ok(())
            })?;
        }
        Ok(found.map_or_else(
            || USUAL_MAIN_PART.to_owned(),
            |target| target.trim_start_matches('/').to_owned(),
        ))
    }

    /// Inflates a part and decodes it; `None` if there is no such part.
    pub(super) fn read(&mut self, name: &str) -> Result<Option<String>, ParseError> {
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
            .map_err(|error| failure(name, &error))?;
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
        let decoded =
            encoding::decode(&content).ok_or_else(|| malformed(format!("`{name}` is not XML")))?;
        Ok(Some(decoded.text))
    }

    /// Part names are compared without regard to case, and some writers use backslashes.
    fn find(&self, name: &str) -> Option<usize> {
        self.archive.index_for_name(name).or_else(|| {
            let names: Vec<Cow<'_, str>> = self
                .archive
                .file_names()
                .map(Result::unwrap_or_default)
                .collect();
            names
                .iter()
                .position(|member| member.replace('\\', "/").eq_ignore_ascii_case(name))
        })
    }
}

fn failure(name: &str, error: &ZipError) -> ParseError {
    match error {
        ZipError::UnsupportedArchive(message) if *message == ZipError::PASSWORD_REQUIRED => {
            ParseError::new(
                ErrorCode::Encrypted,
                "the archive needs a password; save a copy without one and submit that",
            )
        }
        error => malformed(format!("`{name}` cannot be read from the archive: {error}")),
    }
}
