//! The layout of the records that the scripts read and write. The scripts' side is described in `lua/lib/jobs.lua`.

mod reader;
mod record;
mod write;

pub(super) use self::{
    reader::{Reader, letter_of_state, read_id, reason_of_number, state_of_letter},
    record::{Notes, State, instant, lane_of_spec, read_record},
    write::{Past, first_16, is_plain, unique_field, write_errors, write_job},
};
use crate::{Error, NewJob, Priority, Result};

/// Bits of the byte `flags`.
pub(in crate::redis) mod flag {
    pub(in crate::redis) const CANCEL: u8 = 1;
    pub(in crate::redis) const LIFTED: u8 = 2;
    pub(in crate::redis) const UNIQUE: u8 = 4;
    pub(in crate::redis) const UNIQUE_TTL: u8 = 8;
    pub(in crate::redis) const TIMED: u8 = 16;
}

const DEFAULT_TIMEOUT_MS: u64 = 300_000;

/// What tells a lane from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::redis) struct Lane {
    pub(in crate::redis) priority: Priority,
    pub(in crate::redis) schema_version: u32,
    pub(in crate::redis) kind: String,
    pub(in crate::redis) tenant: String,
}

impl Lane {
    /// The lane's name as the scripts know it.
    pub(in crate::redis) fn name_of(job: &NewJob) -> String {
        format!(
            "{}\n{}\n{}\n{}",
            job.priority as u8, job.schema_version, job.kind, job.tenant
        )
    }

    pub(in crate::redis) fn parse(name: &str) -> Result<Self> {
        let corrupt = || Error::Corrupt(format!("lane {name:?} has no name that can be read"));
        let mut parts = name.splitn(4, '\n');
        let mut next = || parts.next().ok_or_else(corrupt);
        Ok(Self {
            priority: next()?
                .parse()
                .ok()
                .and_then(Priority::from_rank)
                .ok_or_else(corrupt)?,
            schema_version: next()?.parse().map_err(|_| corrupt())?,
            kind: next()?.to_owned(),
            tenant: next()?.to_owned(),
        })
    }
}
