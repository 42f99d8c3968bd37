//! A job as its row in `jobs`: what changes about it, and how it changes.
//!
//! Every verb loads rows, moves them here by [`JobRow::enter`] (which asks [`state::next`]), and hands them to a
//! [`super::changes::Changes`], which writes them back together. So the rules are Rust, and SQL only finds and stores.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{
    DeadReason, Error, JobId, JobRecord, JobState, NewJob, Result, WorkerId,
    broker::Lease,
    job::{AttemptError, Backoff, ErrorClass, Progress},
    outcome::JobError,
    state::{self, Event},
};

/// One row of `jobs`. Instants are ms since 1970.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct JobRow {
    pub(super) seq: i64,
    pub(super) id: JobId,
    pub(super) queue: String,
    pub(super) kind: String,
    pub(super) tenant: String,
    pub(super) max_attempts: u32,
    pub(super) backoff: Backoff,
    pub(super) unique_key: Option<String>,
    pub(super) unique_ttl_ms: Option<i64>,
    pub(super) body_hash: String,
    pub(super) expires_at: Option<i64>,
    pub(super) deadline: Option<i64>,
    pub(super) submitted_at: i64,
    /// The state as loaded; [`super::changes::Changes`] compares.
    pub(super) loaded: JobState,
    pub(super) state: JobState,
    pub(super) dead_reason: Option<DeadReason>,
    pub(super) attempt: u32,
    pub(super) crashes: u32,
    pub(super) epoch: u64,
    pub(super) worker: Option<WorkerId>,
    pub(super) lease_expires_at: Option<i64>,
    pub(super) cancel_requested: bool,
    pub(super) pending: u32,
    pub(super) run_at: i64,
    pub(super) kill_at: Option<i64>,
    pub(super) started_at: Option<i64>,
    pub(super) finished_at: Option<i64>,
    pub(super) error_code: Option<String>,
    pub(super) progress: Option<String>,
    pub(super) checkpoint: Option<String>,
    pub(super) errors: Option<String>,
    pub(super) result: Option<String>,
}

/// The columns that [`super::changes::Changes`] writes back, as one JSON object.
#[derive(Serialize)]
pub(super) struct SavedRow<'a> {
    seq: i64,
    state: &'static str,
    dead_reason: Option<&'static str>,
    attempt: u32,
    crashes: u32,
    epoch: u64,
    worker: Option<&'a str>,
    lease_expires_at: Option<i64>,
    cancel_requested: u8,
    pending: u32,
    run_at: i64,
    expires_at: Option<i64>,
    deadline: Option<i64>,
    kill_at: Option<i64>,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    error_code: Option<&'a str>,
    progress: Option<&'a str>,
    checkpoint: Option<&'a str>,
    errors: Option<&'a str>,
    result: Option<&'a str>,
}

impl JobRow {
    /// Reads a row of `SELECT jobs.*`.
    pub(super) fn read(row: &SqliteRow) -> Result<Self> {
        Self::try_read(row).map_err(|error| Error::Corrupt(format!("row of `jobs`: {error}")))
    }

    fn try_read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let state: JobState = parse(row.try_get("state")?)?;
        Ok(Self {
            seq: row.try_get("seq")?,
            id: read_id(row.try_get("id")?)?,
            queue: row.try_get("queue")?,
            kind: row.try_get("kind")?,
            tenant: row.try_get("tenant")?,
            max_attempts: row.try_get("max_attempts")?,
            backoff: Backoff {
                base_ms: row.try_get::<i64, _>("backoff_base_ms")? as u64,
                max_ms: row.try_get::<i64, _>("backoff_max_ms")? as u64,
            },
            unique_key: row.try_get("unique_key")?,
            unique_ttl_ms: row.try_get("unique_ttl_ms")?,
            body_hash: row.try_get("body_hash")?,
            expires_at: row.try_get("expires_at")?,
            deadline: row.try_get("deadline")?,
            submitted_at: row.try_get("submitted_at")?,
            loaded: state,
            state,
            dead_reason: row
                .try_get::<Option<&str>, _>("dead_reason")?
                .map(parse)
                .transpose()?,
            attempt: row.try_get("attempt")?,
            crashes: row.try_get("crashes")?,
            epoch: row.try_get::<i64, _>("epoch")? as u64,
            worker: row
                .try_get::<Option<String>, _>("worker")?
                .map(WorkerId::new),
            lease_expires_at: row.try_get("lease_expires_at")?,
            cancel_requested: row.try_get("cancel_requested")?,
            pending: row.try_get("pending")?,
            run_at: row.try_get("run_at")?,
            kill_at: row.try_get("kill_at")?,
            started_at: row.try_get("started_at")?,
            finished_at: row.try_get("finished_at")?,
            error_code: row.try_get("error_code")?,
            progress: row.try_get("progress")?,
            checkpoint: row.try_get("checkpoint")?,
            errors: row.try_get("errors")?,
            result: row.try_get("result")?,
        })
    }

    /// Moves the job along one edge of the state table.
    ///
    /// # Errors
    /// [`Error::Conflict`] where the table has no such edge.
    pub(super) fn enter(&mut self, event: Event, now: i64, verb: &'static str) -> Result<()> {
        let Some(next) = state::next(self.state, event) else {
            return Err(Error::Conflict {
                id: self.id,
                state: self.state,
                verb,
            });
        };
        self.state = next;
        if next != JobState::Running {
            self.worker = None;
            self.lease_expires_at = None;
        }
        if next == JobState::Dead {
            // The reason is set by `kill`; this keeps the row valid for the reader of a half-written patch.
            self.dead_reason.get_or_insert(DeadReason::Permanent);
        } else {
            self.dead_reason = None;
        }
        self.finished_at = next.is_terminal().then_some(now);
        Ok(())
    }

    /// Ends the job badly.
    pub(super) fn kill(
        &mut self,
        event: Event,
        reason: DeadReason,
        now: i64,
        verb: &'static str,
    ) -> Result<()> {
        self.enter(event, now, verb)?;
        self.dead_reason = Some(reason);
        Ok(())
    }

    /// Adds an entry to the job's bounded list of errors.
    pub(super) fn record_error(
        &mut self,
        class: ErrorClass,
        error: JobError,
        worker: Option<WorkerId>,
        now: i64,
        max_errors: usize,
    ) {
        let mut errors = self.errors().unwrap_or_default();
        self.error_code = Some(error.code.clone());
        errors.push(AttemptError {
            attempt: self.attempt,
            class,
            error,
            worker,
            at: instant(now),
        });
        let surplus = errors.len().saturating_sub(max_errors.max(1));
        errors.drain(..surplus);
        self.errors = serde_json::to_string(&errors).ok();
    }

    /// Takes back the attempt that the last fetch counted.
    pub(super) fn give_attempt_back(&mut self) {
        self.attempt = self.attempt.saturating_sub(1);
    }

    /// Returns when the job dies unless it runs: `expires_at` counts until it first started.
    pub(super) fn due_to_die_at(&self) -> Option<i64> {
        let expires_at = self.expires_at.filter(|_| self.started_at.is_none());
        match (expires_at, self.deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Returns the columns to write back.
    pub(super) fn saved(&self) -> SavedRow<'_> {
        SavedRow {
            seq: self.seq,
            state: self.state.as_str(),
            dead_reason: self.dead_reason.map(DeadReason::as_str),
            attempt: self.attempt,
            crashes: self.crashes,
            epoch: self.epoch,
            worker: self.worker.as_ref().map(WorkerId::as_str),
            lease_expires_at: self.lease_expires_at,
            cancel_requested: u8::from(self.cancel_requested),
            pending: self.pending,
            run_at: self.run_at,
            expires_at: self.expires_at,
            deadline: self.deadline,
            kill_at: self.kill_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            error_code: self.error_code.as_deref(),
            progress: self.progress.as_deref(),
            checkpoint: self.checkpoint.as_deref(),
            errors: self.errors.as_deref(),
            result: self.result.as_deref(),
        }
    }

    fn errors(&self) -> Result<Vec<AttemptError>> {
        self.errors
            .as_deref()
            .map_or(Ok(Vec::new()), |text| self.json(text, "errors"))
    }

    fn json<'a, T: Deserialize<'a>>(&self, text: &'a str, column: &str) -> Result<T> {
        serde_json::from_str(text)
            .map_err(|error| Error::Corrupt(format!("{column} of job `{}`: {error}", self.id)))
    }

    /// Puts row and spec together.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where a JSON column cannot be read.
    pub(super) fn into_record(self, spec: &str) -> Result<JobRecord> {
        let mut spec: NewJob = self.json(spec, "spec")?;
        // A retry lifts them; the row knows.
        spec.expires_at = self.expires_at.map(instant);
        spec.deadline = self.deadline.map(instant);
        let value = |text: &Option<String>, column| {
            text.as_deref()
                .map(|text| self.json::<Value>(text, column))
                .transpose()
        };
        Ok(JobRecord {
            checkpoint: value(&self.checkpoint, "checkpoint")?,
            errors: self.errors()?,
            result: value(&self.result, "result")?,
            progress: self
                .progress
                .as_deref()
                .map_or(Ok(Progress::default()), |text| self.json(text, "progress"))?,
            spec,
            state: self.state,
            dead_reason: self.dead_reason,
            attempt: self.attempt,
            crashes: self.crashes,
            epoch: self.epoch,
            worker: self.worker,
            lease_expires_at: self.lease_expires_at.map(instant),
            cancel_requested: self.cancel_requested,
            submitted_at: instant(self.submitted_at),
            run_at: instant(self.run_at),
            started_at: self.started_at.map(instant),
            finished_at: self.finished_at.map(instant),
        })
    }

    /// Puts row and spec together as a lease.
    pub(super) fn into_lease(self, spec: &str) -> Result<Lease> {
        let epoch = self.epoch;
        Ok(Lease {
            job: self.into_record(spec)?,
            epoch,
        })
    }
}

/// Turns ms since 1970 into an instant; what lies outside of the calendar becomes its end.
pub(super) fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// Reads an id column.
pub(super) fn read_id(bytes: &[u8]) -> Result<JobId, sqlx::Error> {
    Uuid::from_slice(bytes)
        .map(JobId::from)
        .map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Returns an id the way `unhex()` takes it.
pub(super) fn hex(id: JobId) -> String {
    id.as_uuid().simple().to_string()
}

fn parse<T: std::str::FromStr<Err = String>>(text: &str) -> Result<T, sqlx::Error> {
    text.parse()
        .map_err(|error: String| sqlx::Error::Decode(error.into()))
}
