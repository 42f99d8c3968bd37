//! Rows of `jobs`: read, and written back.
//!
//! Every verb loads rows, moves them by the [rules](crate::rules), and hands them to a [`super::changes::Changes`], which
//! writes them back together. So the rules are Rust, and SQL only finds and stores.

use serde::Serialize;
use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{
    DeadReason, Error, JobId, JobRecord, JobState, Result, WorkerId, broker::Lease, job::Backoff,
    rules::row::JobRow,
};

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

/// Reads a row of `SELECT jobs.*`.
pub(super) fn read(row: &SqliteRow) -> Result<JobRow> {
    try_read(row).map_err(|error| Error::Corrupt(format!("row of `jobs`: {error}")))
}

fn try_read(row: &SqliteRow) -> Result<JobRow, sqlx::Error> {
    let state: JobState = parse(row.try_get("state")?)?;
    Ok(JobRow {
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

/// Returns the columns to write back.
pub(super) fn saved(row: &JobRow) -> SavedRow<'_> {
    SavedRow {
        seq: row.seq,
        state: row.state.as_str(),
        dead_reason: row.dead_reason.map(DeadReason::as_str),
        attempt: row.attempt,
        crashes: row.crashes,
        epoch: row.epoch,
        worker: row.worker.as_ref().map(WorkerId::as_str),
        lease_expires_at: row.lease_expires_at,
        cancel_requested: u8::from(row.cancel_requested),
        pending: row.pending,
        run_at: row.run_at,
        expires_at: row.expires_at,
        deadline: row.deadline,
        kill_at: row.kill_at,
        started_at: row.started_at,
        finished_at: row.finished_at,
        error_code: row.error_code.as_deref(),
        progress: row.progress.as_deref(),
        checkpoint: row.checkpoint.as_deref(),
        errors: row.errors.as_deref(),
        result: row.result.as_deref(),
    }
}

/// Puts row and spec together.
///
/// # Errors
/// [`Error::Corrupt`] where a JSON column cannot be read.
pub(super) fn record(row: JobRow, spec: &str) -> Result<JobRecord> {
    let spec = row.json(spec, "spec")?;
    row.into_record(spec)
}

/// Puts row and spec together as a lease.
///
/// # Errors
/// As [`record`].
pub(super) fn lease(row: JobRow, spec: &str) -> Result<Lease> {
    let spec = row.json(spec, "spec")?;
    row.into_lease(spec)
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
