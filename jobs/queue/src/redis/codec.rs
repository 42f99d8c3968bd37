//! The layout of the records that the scripts read and write. The scripts' side is described in `lua/lib/jobs.lua`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    DeadReason, Error, JobId, JobRecord, JobState, NewJob, Priority, Result, WorkerId,
    job::{AttemptError, Backoff, ErrorClass, Progress, Unique, UniqueUntil},
    outcome::JobError,
};

/// Bits of the byte `flags`.
pub(super) mod flag {
    pub(crate) const CANCEL: u8 = 1;
    pub(crate) const LIFTED: u8 = 2;
    pub(crate) const UNIQUE: u8 = 4;
    pub(crate) const UNIQUE_TTL: u8 = 8;
    pub(crate) const TIMED: u8 = 16;
}

const DEFAULT_TIMEOUT_MS: u64 = 300_000;

/// What tells a lane from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) priority: Priority,
    pub(super) schema_version: u32,
    pub(super) kind: String,
    pub(super) tenant: String,
}

impl Lane {
    /// The lane's name as the scripts know it.
    pub(super) fn name_of(job: &NewJob) -> String {
        format!(
            "{}\n{}\n{}\n{}",
            job.priority as u8, job.schema_version, job.kind, job.tenant
        )
    }

    pub(super) fn parse(name: &str) -> Result<Self> {
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

/// The fields of a job that are not in the fixed part of its record and differ from the default.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Rest {
    #[serde(rename = "t", skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(rename = "g", skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(rename = "r", skip_serializing_if = "Option::is_none")]
    run_at: Option<Timestamp>,
    #[serde(rename = "u", skip_serializing_if = "Option::is_none")]
    unique: Option<Unique>,
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    parent: Option<JobId>,
    #[serde(rename = "d", skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<JobId>,
    #[serde(rename = "c", skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
}

/// Returns the field of a job's unique key in the HASH `unique`: 16 bytes.
pub(super) fn unique_field(job: &NewJob) -> Option<[u8; 16]> {
    let unique = job.unique.as_ref()?;
    let mut hash = blake3::Hasher::new();
    for part in [&job.tenant, &job.kind, &unique.key] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    Some(first_16(hash.finalize()))
}

pub(super) fn first_16(hash: blake3::Hash) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    bytes
}

/// What a job that was accepted before had spent when it was lost.
pub(super) struct Past {
    pub(super) attempt: u32,
    pub(super) crashes: u32,
    pub(super) epoch: u64,
    /// As [`write_errors`] gives them.
    pub(super) errors: String,
}

/// Writes errors the way the scripts do: one JSON object a line.
pub(super) fn write_errors(errors: &[AttemptError]) -> Result<String> {
    let lines = errors.iter().map(|error| {
        serde_json::to_string(&StoredError {
            a: error.attempt,
            c: error.class,
            e: error.error.code.clone(),
            m: error.error.message.clone(),
            w: error
                .worker
                .as_ref()
                .map(|worker| worker.as_str().to_owned()),
            t: error.at.as_millisecond().to_string(),
        })
        .map_err(|error| Error::Invalid(error.to_string()))
    });
    Ok(lines.collect::<Result<Vec<_>>>()?.join("\n"))
}

/// Writes a job as one argument of `submit.lua`. `lane` counts from 1; `open_elsewhere` are dependencies in other queues.
pub(super) fn write_job(
    job: &NewJob,
    payload: &str,
    lane: u16,
    open_elsewhere: &[JobId],
    depends_on: &[JobId],
    past: Option<&Past>,
) -> Result<Vec<u8>> {
    let ms = |at: Option<Timestamp>| at.map_or(0.0, |at| at.as_millisecond() as f64);
    let mut bits = 0;
    if job.run_at.is_some() {
        bits |= 1;
    }
    if !depends_on.is_empty() || !open_elsewhere.is_empty() {
        bits |= 2;
    }
    if job.expires_at.is_some() || job.deadline.is_some() {
        bits |= flag::TIMED;
    }
    if past.is_some() {
        bits |= 32;
    }
    let ttl = match job.unique.as_ref().map(|unique| unique.until) {
        Some(UniqueUntil::Done) => {
            bits |= flag::UNIQUE;
            0.0
        }
        Some(UniqueUntil::TtlMs(ms)) => {
            bits |= flag::UNIQUE_TTL;
            (ms as f64).max(1.0)
        }
        None => 0.0,
    };
    let mut out = Vec::with_capacity(64 + payload.len());
    out.extend_from_slice(job.id.as_uuid().as_bytes());
    out.extend_from_slice(&lane.to_le_bytes());
    out.push(bits);
    out.extend_from_slice(&(job.max_attempts as u16).to_le_bytes());
    for ms in [job.backoff.base_ms, job.backoff.max_ms] {
        out.extend_from_slice(&u32::try_from(ms).unwrap_or(u32::MAX).to_le_bytes());
    }
    if bits & 1 != 0 {
        out.extend_from_slice(&ms(job.run_at).to_le_bytes());
    }
    if bits & flag::TIMED != 0 {
        out.extend_from_slice(&ms(job.expires_at).to_le_bytes());
        out.extend_from_slice(&ms(job.deadline).to_le_bytes());
    }
    if let Some(field) = unique_field(job) {
        out.extend_from_slice(&field);
        out.extend_from_slice(&ttl.to_le_bytes());
        let hash = crate::rules::check::body_hash(&job.kind, payload);
        out.extend_from_slice(&first_16(hash));
    }
    if bits & 2 != 0 {
        for ids in [depends_on, open_elsewhere] {
            out.extend_from_slice(&(ids.len() as u16).to_le_bytes());
            for id in ids {
                out.extend_from_slice(id.as_uuid().as_bytes());
            }
        }
    }
    if let Some(past) = past {
        out.extend_from_slice(&(past.attempt as u16).to_le_bytes());
        out.push(u8::try_from(past.crashes).unwrap_or(u8::MAX));
        out.extend_from_slice(&(past.epoch as f64).to_le_bytes());
        out.extend_from_slice(&(past.errors.len() as u32).to_le_bytes());
        out.extend_from_slice(past.errors.as_bytes());
    }
    let rest = Rest {
        timeout_ms: (job.timeout_ms != DEFAULT_TIMEOUT_MS).then_some(job.timeout_ms),
        tags: job.tags.clone(),
        run_at: job.run_at,
        unique: job.unique.clone(),
        parent: job.parent,
        depends_on: job.depends_on.clone(),
        traceparent: job.traceparent.clone(),
    };
    let rest = if is_default(&rest) {
        Vec::new()
    } else {
        serde_json::to_vec(&rest)
            .map_err(|error| Error::Invalid(format!("job `{}`: {error}", job.id)))?
    };
    let length = u16::try_from(rest.len()).map_err(|_| {
        Error::Invalid(format!(
            "job `{}`: its tags, key and dependencies have {} bytes; at most {} are allowed",
            job.id,
            rest.len(),
            u16::MAX
        ))
    })?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&rest);
    out.extend_from_slice(payload.as_bytes());
    Ok(out)
}

fn is_default(rest: &Rest) -> bool {
    rest.timeout_ms.is_none()
        && rest.tags.is_empty()
        && rest.run_at.is_none()
        && rest.unique.is_none()
        && rest.parent.is_none()
        && rest.depends_on.is_empty()
        && rest.traceparent.is_none()
}

/// Reads a record from front to back.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        if self.bytes.len() < length {
            return Err(Error::Corrupt(format!(
                "a record ends {} bytes too early",
                length - self.bytes.len()
            )));
        }
        let (taken, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        Ok(taken)
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn ms(&mut self) -> Result<i64> {
        Ok(f64::from_le_bytes(self.array()?) as i64)
    }

    pub(super) fn id(&mut self) -> Result<JobId> {
        Ok(uuid::Uuid::from_bytes(self.array()?).into())
    }
}

/// Reads an id of 16 bytes.
pub(super) fn read_id(bytes: &[u8]) -> Result<JobId> {
    Reader::new(bytes).id()
}

pub(super) fn state_of_letter(letter: u8) -> Result<JobState> {
    Ok(match letter {
        b's' => JobState::Scheduled,
        b'w' => JobState::Waiting,
        b'r' => JobState::Ready,
        b'R' => JobState::Running,
        b't' => JobState::Retrying,
        b'c' => JobState::Completed,
        b'x' => JobState::Cancelled,
        b'd' => JobState::Dead,
        other => {
            return Err(Error::Corrupt(format!(
                "state letter {:?} is unknown",
                char::from(other)
            )));
        }
    })
}

pub(super) fn letter_of_state(state: JobState) -> char {
    match state {
        JobState::Scheduled => 's',
        JobState::Waiting => 'w',
        JobState::Ready => 'r',
        JobState::Running => 'R',
        JobState::Retrying => 't',
        JobState::Completed => 'c',
        JobState::Cancelled => 'x',
        JobState::Dead => 'd',
    }
}

pub(super) fn reason_of_number(number: u8) -> Option<DeadReason> {
    DeadReason::ALL
        .get(usize::from(number).wrapping_sub(1))
        .copied()
}

/// What changes about a job.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) state: JobState,
    pub(super) flags: u8,
    pub(super) reason: Option<DeadReason>,
    pub(super) attempt: u32,
    pub(super) crashes: u32,
    pub(super) epoch: u64,
    pub(super) run_at: i64,
    pub(super) started_at: i64,
    pub(super) finished_at: i64,
    pub(super) worker: String,
}

impl State {
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        Ok(Self {
            state: state_of_letter(reader.u8()?)?,
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
            state: JobState::Ready,
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
pub(super) struct Notes<'a> {
    pub(super) errors: Option<&'a [u8]>,
    pub(super) result: Option<&'a [u8]>,
    pub(super) checkpoint: Option<&'a [u8]>,
    pub(super) progress: Option<&'a [u8]>,
    pub(super) lease_expires_at: Option<i64>,
}

/// An entry of a job's errors, as the scripts write it.
#[derive(Serialize, Deserialize)]
struct StoredError {
    a: u32,
    c: ErrorClass,
    e: String,
    m: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    w: Option<String>,
    t: String,
}

/// Returns the lane of a stored spec.
pub(super) fn lane_of_spec(spec: &[u8]) -> Result<u32> {
    Reader::new(spec).u32()
}

/// Puts a job together.
///
/// # Errors
/// [`Error::Corrupt`] where a part cannot be read.
pub(super) fn read_record(
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
        state: state.state,
        dead_reason: state.reason,
        attempt: state.attempt,
        crashes: state.crashes,
        epoch: state.epoch,
        worker: (!state.worker.is_empty()).then(|| WorkerId::new(state.worker)),
        lease_expires_at: notes
            .lease_expires_at
            .filter(|_| state.state == JobState::Running)
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
pub(super) fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}
