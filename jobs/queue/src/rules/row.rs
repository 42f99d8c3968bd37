//! A job as a row: what a broker keeps about it beside its spec, and the single steps by which that changes.
//!
//! Values that only pass through (results, checkpoints, errors) stay JSON text: their size is measured as text, most
//! steps do not look at them, and a store writes them as they are.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::Prepared;
use crate::{
    DeadReason, Error, JobId, JobRecord, JobState, NewJob, Result, WorkerId,
    broker::Lease,
    job::{AttemptError, Backoff, ErrorClass, Progress, UniqueUntil},
    outcome::JobError,
    state::{self, Event},
};

/// One job. Instants are ms since 1970.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JobRow {
    /// The order of acceptance.
    pub(crate) seq: i64,
    pub(crate) id: JobId,
    pub(crate) queue: String,
    pub(crate) kind: String,
    pub(crate) tenant: String,
    pub(crate) max_attempts: u32,
    pub(crate) backoff: Backoff,
    pub(crate) unique_key: Option<String>,
    pub(crate) unique_ttl_ms: Option<i64>,
    pub(crate) body_hash: String,
    pub(crate) expires_at: Option<i64>,
    pub(crate) deadline: Option<i64>,
    pub(crate) submitted_at: i64,
    /// The state as loaded, so that a broker sees whether it changed.
    pub(crate) loaded: JobState,
    pub(crate) state: JobState,
    pub(crate) dead_reason: Option<DeadReason>,
    pub(crate) attempt: u32,
    pub(crate) crashes: u32,
    pub(crate) epoch: u64,
    pub(crate) worker: Option<WorkerId>,
    pub(crate) lease_expires_at: Option<i64>,
    pub(crate) cancel_requested: bool,
    /// Dependencies that have not settled.
    pub(crate) pending: u32,
    pub(crate) run_at: i64,
    pub(crate) kill_at: Option<i64>,
    pub(crate) started_at: Option<i64>,
    pub(crate) finished_at: Option<i64>,
    pub(crate) error_code: Option<String>,
    pub(crate) progress: Option<String>,
    pub(crate) checkpoint: Option<String>,
    pub(crate) errors: Option<String>,
    pub(crate) result: Option<String>,
}

impl JobRow {
    /// Begins the row of an accepted job that waits for `pending` others.
    pub(crate) fn new(prepared: &Prepared, seq: i64, pending: u32, now: i64) -> Self {
        let job = &prepared.job;
        let run_at = job.run_at.map_or(now, Timestamp::as_millisecond).max(now);
        let state = if pending > 0 {
            JobState::Waiting
        } else if run_at > now {
            JobState::Scheduled
        } else {
            JobState::Ready
        };
        let mut row = Self {
            seq,
            id: job.id,
            queue: job.queue.clone(),
            kind: job.kind.clone(),
            tenant: job.tenant.clone(),
            max_attempts: job.max_attempts,
            backoff: job.backoff,
            unique_key: job.unique.as_ref().map(|unique| unique.key.clone()),
            unique_ttl_ms: job.unique.as_ref().and_then(|unique| match unique.until {
                UniqueUntil::Done => None,
                UniqueUntil::TtlMs(ms) => Some(i64::try_from(ms).unwrap_or(i64::MAX)),
            }),
            body_hash: prepared.body_hash.clone(),
            expires_at: job.expires_at.map(Timestamp::as_millisecond),
            deadline: job.deadline.map(Timestamp::as_millisecond),
            submitted_at: now,
            loaded: state,
            state,
            dead_reason: None,
            attempt: 0,
            crashes: 0,
            epoch: 0,
            worker: None,
            lease_expires_at: None,
            cancel_requested: false,
            pending,
            run_at,
            kill_at: None,
            started_at: None,
            finished_at: None,
            error_code: None,
            progress: None,
            checkpoint: None,
            errors: None,
            result: None,
        };
        row.kill_at = row.due_to_die_at();
        row
    }

    /// Moves the job along one edge of the state table.
    ///
    /// # Errors
    /// [`Error::Conflict`] where the table has no such edge.
    pub(crate) fn enter(&mut self, event: Event, now: i64, verb: &'static str) -> Result<()> {
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
    pub(crate) fn kill(
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
    pub(crate) fn record_error(
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
    pub(crate) fn give_attempt_back(&mut self) {
        self.attempt = self.attempt.saturating_sub(1);
    }

    /// Returns when the job dies unless it runs: `expires_at` counts until it first started.
    pub(crate) fn due_to_die_at(&self) -> Option<i64> {
        let expires_at = self.expires_at.filter(|_| self.started_at.is_none());
        match (expires_at, self.deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn errors(&self) -> Result<Vec<AttemptError>> {
        self.errors
            .as_deref()
            .map_or(Ok(Vec::new()), |text| self.json(text, "errors"))
    }

    /// Reads one of the job's JSON texts.
    ///
    /// # Errors
    /// [`Error::Corrupt`], naming the job and the column.
    pub(crate) fn json<'a, T: Deserialize<'a>>(&self, text: &'a str, column: &str) -> Result<T> {
        serde_json::from_str(text)
            .map_err(|error| Error::Corrupt(format!("{column} of job `{}`: {error}", self.id)))
    }

    /// Puts row and spec together.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where a JSON text cannot be read.
    pub(crate) fn into_record(self, mut spec: NewJob) -> Result<JobRecord> {
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
    ///
    /// # Errors
    /// As [`JobRow::into_record`].
    pub(crate) fn into_lease(self, spec: NewJob) -> Result<Lease> {
        let epoch = self.epoch;
        Ok(Lease {
            job: self.into_record(spec)?,
            epoch,
        })
    }
}

/// Turns ms since 1970 into an instant; what lies outside of the calendar becomes its end.
pub(crate) fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// Serialises a value that passes through.
///
/// # Errors
/// [`Error::Invalid`] where it has no JSON form.
pub(super) fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::Invalid(format!("value does not serialise: {error}")))
}
