//! Putting jobs together from what the scripts give.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    DEFAULT_TIMEOUT_MS, Lane, flag,
    reader::{Reader, reason_of_number, state_of_letter},
    write::Rest,
};
use crate::{
    DeadReason, Error, JobId, JobRecord, JobState, NewJob, Result, WorkerId,
    job::{AttemptError, Backoff, ErrorClass, Progress},
    outcome::JobError,
};

/// What changes about a job.
#[derive(Debug, Clone)]
pub(in crate::redis) struct State {
    pub(in crate::redis) is: JobState,
    pub(in crate::redis) flags: u8,
    pub(in crate::redis) reason: Option<DeadReason>,
    pub(in crate::redis) attempt: u32,
    pub(in crate::redis) crashes: u32,
    pub(in crate::redis) epoch: u64,
    pub(in crate::redis) run_at: i64,
    pub(in crate::redis) started_at: i64,
    pub(in crate::redis) finished_at: i64,
    pub(in crate::redis) worker: String,
}

impl State {
    pub(in crate::redis) fn read(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        Ok(Self {
            is: state_of_letter(reader.u8()?)?,
            flags: reader.u8()?,
            reason: reason_of_number(reader.u8()?),
            attempt: u32::from(reader.u16()?),
            crashes: u32::from(reader.u8()?),
            epoch: reader.ms()? as u64,
            run_at: {
                reader.u32()?; // the lane, which the spec has too
                reader.ms()?
            },
            started_at: reader.ms()?,
            finished_at: reader.ms()?,
            worker: String::from_utf8_lossy(reader.rest()).into_owned(),
        })
    }

    /// A job that was never fetched and waits for nothing has no record of its state.
    fn fresh(submitted_at: i64) -> Self {
        Self {
            is: JobState::Ready,
            flags: 0,
            reason: None,
            attempt: 0,
            crashes: 0,
            epoch: 0,
            run_at: submitted_at,
            started_at: 0,
            finished_at: 0,
            worker: String::new(),
        }
    }
}

/// What is stored beside a job's records, as JSON, where there is any.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::redis) struct Notes<'a> {
    pub(in crate::redis) errors: Option<&'a [u8]>,
    pub(in crate::redis) result: Option<&'a [u8]>,
    pub(in crate::redis) checkpoint: Option<&'a [u8]>,
    pub(in crate::redis) progress: Option<&'a [u8]>,
    pub(in crate::redis) lease_expires_at: Option<i64>,
}

/// An entry of a job's errors, as the scripts write it.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredError {
    pub(super) a: u32,
    pub(super) c: ErrorClass,
    pub(super) e: String,
    pub(super) m: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) w: Option<String>,
    pub(super) t: String,
}

/// Returns the lane of a stored spec.
pub(in crate::redis) fn lane_of_spec(spec: &[u8]) -> Result<u32> {
    Reader::new(spec).u32()
}

/// Puts a job together.
///
/// # Errors
/// [`Error::Corrupt`] where a part cannot be read.
pub(in crate::redis) fn read_record(
    queue: &str,
    id: JobId,
    state: Option<&[u8]>,
    spec: &[u8],
    lane: &Lane,
    notes: Notes<'_>,
) -> Result<JobRecord> {
    let json = |error: serde_json::Error| Error::Corrupt(format!("job `{id}`: {error}"));
    let mut reader = Reader::new(spec);
    reader.u32()?; // the lane: the caller knows it
    let submitted_at = reader.ms()?;
    let flags = reader.u8()?;
    let max_attempts = u32::from(reader.u16()?);
    let backoff = Backoff {
        base_ms: u64::from(reader.u32()?),
        max_ms: u64::from(reader.u32()?),
    };
    let (mut expires_at, mut deadline) = (0, 0);
    if flags & flag::TIMED != 0 {
        expires_at = reader.ms()?;
        deadline = reader.ms()?;
    }
    if flags & (flag::UNIQUE | flag::UNIQUE_TTL) != 0 {
        reader.take(24)?;
    }
    let length = usize::from(reader.u16()?);
    let rest = match reader.take(length)? {
        [] => Rest::default(),
        text => serde_json::from_slice(text).map_err(json)?,
    };
    let state = match state {
        Some(bytes) => State::read(bytes)?,
        None => State::fresh(submitted_at),
    };
    if state.flags & flag::LIFTED != 0 {
        (expires_at, deadline) = (0, 0);
    }
    let value = |text: Option<&[u8]>| text.map(serde_json::from_slice).transpose().map_err(json);
    let some = |ms: i64| (ms != 0).then(|| instant(ms));
    Ok(JobRecord {
        spec: NewJob {
            id,
            kind: lane.kind.clone(),
            queue: queue.to_owned(),
            payload: serde_json::from_slice(reader.rest()).map_err(json)?,
            priority: lane.priority,
            tenant: lane.tenant.clone(),
            tags: rest.tags,
            run_at: rest.run_at,
            expires_at: some(expires_at),
            deadline: some(deadline),
            timeout_ms: rest.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS),
            max_attempts,
            backoff,
            unique: rest.unique,
            parent: rest.parent,
            depends_on: rest.depends_on,
            schema_version: lane.schema_version,
            traceparent: rest.traceparent,
        },
        state: state.is,
        dead_reason: state.reason,
        attempt: state.attempt,
        crashes: state.crashes,
        epoch: state.epoch,
        worker: (!state.worker.is_empty()).then(|| WorkerId::new(state.worker)),
        lease_expires_at: notes
            .lease_expires_at
            .filter(|_| state.is == JobState::Running)
            .map(instant),
        cancel_requested: state.flags & flag::CANCEL != 0,
        progress: match notes.progress {
            Some(text) => serde_json::from_slice(text).map_err(json)?,
            None => Progress::default(),
        },
        checkpoint: value(notes.checkpoint)?,
        errors: read_errors(id, notes.errors)?,
        result: value(notes.result)?,
        submitted_at: instant(submitted_at),
        run_at: instant(state.run_at),
        started_at: some(state.started_at),
        finished_at: some(state.finished_at),
    })
}

fn read_errors(id: JobId, text: Option<&[u8]>) -> Result<Vec<AttemptError>> {
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    text.split(|byte| *byte == b'\n')
        .map(|line| {
            let stored: StoredError = serde_json::from_slice(line)
                .map_err(|error| Error::Corrupt(format!("errors of job `{id}`: {error}")))?;
            Ok(AttemptError {
                attempt: stored.a,
                class: stored.c,
                error: JobError::new(stored.e, stored.m),
                worker: stored.w.map(WorkerId::new),
                at: instant(stored.t.parse().unwrap_or_default()),
            })
        })
        .collect()
}

/// Turns ms since 1970 into an instant; what lies outside of the calendar becomes its end.
pub(in crate::redis) fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}
