//! Documents within documents: members of an archive, attachments of a mail, and both within each other.
//!
//! However deep a document lies, it draws on one [`Usage`], so that a thousand small bombs are as bounded as one.

use std::cell::Cell;

use crate::error::{ErrorCode, ParseError};
use crate::limits::Limits;

/// What a document and all that lies within it have used up.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    inflated: Cell<u64>,
    members: Cell<usize>,
}

/// Where a document lies: the limits, and how many containers are around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nest<'a> {
    pub(crate) limits: &'a Limits,
    usage: &'a Usage,
    depth: usize,
}

impl<'a> Nest<'a> {
    /// The place of a document that lies in nothing.
    pub(crate) fn outermost(limits: &'a Limits, usage: &'a Usage) -> Self {
        Self {
            limits,
            usage,
            depth: 0,
        }
    }

    /// The place of what lies within a container at this place.
    ///
    /// # Errors
    /// `parse.limit` if [`Limits::max_container_depth`] containers are around it already.
    pub(crate) fn enter(self) -> Result<Self, ParseError> {
        if self.depth >= self.limits.max_container_depth {
            return Err(ParseError::new(
                ErrorCode::Limit,
                format!(
                    "archives and mails are nested more than {} levels deep; unpack the outer ones and submit what is within",
                    self.limits.max_container_depth
                ),
            ));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    /// Counts a member or an attachment.
    ///
    /// # Errors
    /// `parse.limit` beyond [`Limits::max_members`].
    pub(crate) fn count_member(self) -> Result<(), ParseError> {
        let members = self.usage.members.get() + 1;
        self.usage.members.set(members);
        if members > self.limits.max_members {
            return Err(ParseError::new(
                ErrorCode::Limit,
                format!(
                    "there are more than {} files in it; this one and those after it were not read",
                    self.limits.max_members
                ),
            ));
        }
        Ok(())
    }

    /// Bytes that may still be inflated.
    pub(crate) fn inflatable(self) -> u64 {
        self.limits
            .max_inflated_bytes
            .saturating_sub(self.usage.inflated.get())
    }

    /// Counts inflated bytes.
    pub(crate) fn inflate(self, bytes: u64) {
        let inflated = self.usage.inflated.get().saturating_add(bytes);
        self.usage.inflated.set(inflated);
    }

    /// Tells whether nothing more may be inflated, so that going on with the next member is of no use.
    pub(crate) fn is_spent(self) -> bool {
        self.inflatable() == 0
    }
}
