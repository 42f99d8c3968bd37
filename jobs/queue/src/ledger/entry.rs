//! A job as the ledger stores it: columns to find it by, and the rest of what was submitted as JSON.
//!
//! Rows are written twice (at submit and at the end), so they are kept small: what is a column is not in the JSON again,
//! and neither is what has its default value.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    DeadReason, Error, JobId, JobRecord, JobState, NewJob, Priority, Result,
    job::{AttemptError, Backoff, Progress, Unique, UniqueUntil},
};

/// The `state` of a row whose job is not known to have ended.
pub(super) const ACCEPTED: &str = "accepted";

/// A job on its way into the ledger.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The job's id.
    pub id: JobId,
    /// Of kind and payload.
    pub body_hash: Uuid,
    /// Attempts that may fail.
    pub max_attempts: u32,
    /// The queue.
    pub queue: String,
    /// The kind.
    pub kind: String,
    /// The tenant.
    pub tenant: String,
    /// The tags.
    pub tags: Vec<String>,
    /// The rest, as JSON.
    pub spec: String,
    /// Its unique key.
    pub key: Option<EntryKey>,
}

/// A unique key, as 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryKey {
    /// Of tenant, kind and key.
    pub hash: Uuid,
    /// Until when it is taken, from the submit; `None` means until the job ends.
    pub ttl_ms: Option<i64>,
}

impl EntryKey {
    /// Returns the key of a job that has one.
    pub fn of(job: &NewJob) -> Option<Self> {
        let unique = job.unique.as_ref()?;
        let mut hasher = blake3::Hasher::new();
        for part in [&job.tenant, &job.kind, &unique.key] {
            // With its length, so that no two triples run into the same bytes.
            hasher
                .update(&(part.len() as u64).to_le_bytes())
                .update(part.as_bytes());
        }
        Some(Self {
            hash: short(&hasher.finalize()),
            ttl_ms: match unique.until {
                UniqueUntil::Done => None,
                UniqueUntil::TtlMs(ms) => Some(i64::try_from(ms).unwrap_or(i64::MAX)),
            },
        })
    }

    /// Returns when the key is free again whatever becomes of its job.
    pub fn expires_at(self, now: Timestamp) -> Option<i64> {
        self.ttl_ms
            .map(|ttl| now.as_millisecond().saturating_add(ttl))
    }
}

fn short(hash: &blake3::Hash) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    Uuid::from_bytes(bytes)
}

impl Entry {
    /// Takes a checked job apart.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a value does not serialise.
    pub fn new(job: &NewJob) -> Result<Self> {
        // The same bytes that brokers hash: kind, NUL, payload.
        let mut body = blake3::Hasher::new();
        body.update(job.kind.as_bytes()).update(&[0]);
        serde_json::to_writer(&mut body, &job.payload).map_err(|error| unwritable(&error))?;
        Ok(Self {
            id: job.id,
            body_hash: short(&body.finalize()),
            max_attempts: job.max_attempts,
            queue: job.queue.clone(),
            kind: job.kind.clone(),
            tenant: job.tenant.clone(),
            tags: job.tags.clone(),
            spec: write_spec(job)?,
            key: EntryKey::of(job),
        })
    }
}

fn unwritable(error: &serde_json::Error) -> Error {
    Error::Invalid(format!("job does not serialise: {error}"))
}

/// What of a job is no column; borrowed to write it.
#[derive(Serialize)]
struct SpecRef<'a> {
    payload: &'a Value,
    #[serde(skip_serializing_if = "is_default")]
    priority: Priority,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    run_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Timestamp>,
    timeout_ms: u64,
    #[serde(skip_serializing_if = "is_default")]
    backoff: Backoff,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique: Option<&'a Unique>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<JobId>,
    #[serde(skip_serializing_if = "<[JobId]>::is_empty")]
    depends_on: &'a [JobId],
    #[serde(skip_serializing_if = "is_default")]
    schema_version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
}

/// The same, to read it.
#[derive(Deserialize)]
struct Spec {
    payload: Value,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    tags: Vec<String>,
    run_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    deadline: Option<Timestamp>,
    timeout_ms: u64,
    #[serde(default)]
    backoff: Backoff,
    unique: Option<Unique>,
    parent: Option<JobId>,
    #[serde(default)]
    depends_on: Vec<JobId>,
    #[serde(default)]
    schema_version: u32,
    traceparent: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Writes what of a job is no column.
///
/// # Errors
/// [`Error::Invalid`] where a value does not serialise.
pub(super) fn write_spec(job: &NewJob) -> Result<String> {
    // Without `..`: a new field of a job must find its place here.
    let NewJob {
        id: _,
        kind: _,
        queue: _,
        payload,
        priority,
        tenant: _,
        tags,
        run_at,
        expires_at,
        deadline,
        timeout_ms,
        max_attempts: _,
        backoff,
        unique,
        parent,
        depends_on,
        schema_version,
        traceparent,
    } = job;
    let spec = SpecRef {
        payload,
        priority: *priority,
        tags,
        run_at: *run_at,
        expires_at: *expires_at,
        deadline: *deadline,
        timeout_ms: *timeout_ms,
        backoff: *backoff,
        unique: unique.as_ref(),
        parent: *parent,
        depends_on,
        schema_version: *schema_version,
        traceparent: traceparent.as_deref(),
    };
    serde_json::to_string(&spec).map_err(|error| unwritable(&error))
}

/// A row of `ledger_jobs`, as both databases give it.
#[derive(Debug, Clone, FromRow)]
pub struct StoredJob {
    /// The order of acceptance.
    pub seq: i64,
    /// The job's id.
    pub id: Uuid,
    submitted_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    epoch: i64,
    body_hash: Uuid,
    attempt: i32,
    crashes: i32,
    max_attempts: i32,
    state: String,
    dead_reason: Option<String>,
    queue: String,
    kind: String,
    tenant: String,
    spec: String,
    errors: Option<String>,
    result: Option<String>,
}

/// The columns of a [`StoredJob`].
pub(super) const COLUMNS: &str = "seq, id, submitted_at, started_at, finished_at, epoch, body_hash, attempt, crashes, \
    max_attempts, state, dead_reason, queue, kind, tenant, spec, errors, result";

impl StoredJob {
    /// Returns the job's id.
    pub fn job_id(&self) -> JobId {
        self.id.into()
    }

    /// Returns when it was accepted.
    pub fn submitted_at(&self) -> Timestamp {
        instant(self.submitted_at)
    }

    /// Returns about how many bytes it has.
    pub fn bytes(&self) -> usize {
        self.spec.len() + self.errors.as_ref().map_or(0, String::len)
    }

    /// Returns the epoch of its last known end.
    pub fn epoch(&self) -> u64 {
        self.epoch as u64
    }

    /// Returns the hash of its kind and payload.
    pub fn body_hash(&self) -> Uuid {
        self.body_hash
    }

    /// Returns how it ended, if it has.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a word that is no state.
    pub fn ended(&self) -> Result<Option<JobState>> {
        read_state(&self.state)
    }

    /// Puts together what was submitted.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the row cannot be read.
    pub fn to_new_job(&self) -> Result<NewJob> {
        let spec: Spec = self.json(&self.spec, "spec")?;
        Ok(NewJob {
            id: self.job_id(),
            kind: self.kind.clone(),
            queue: self.queue.clone(),
            payload: spec.payload,
            priority: spec.priority,
            tenant: self.tenant.clone(),
            tags: spec.tags,
            run_at: spec.run_at,
            expires_at: spec.expires_at,
            deadline: spec.deadline,
            timeout_ms: spec.timeout_ms,
            max_attempts: self.max_attempts as u32,
            backoff: spec.backoff,
            unique: spec.unique,
            parent: spec.parent,
            depends_on: spec.depends_on,
            schema_version: spec.schema_version,
            traceparent: spec.traceparent,
        })
    }

    /// Returns its failed attempts.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the row cannot be read.
    pub fn errors(&self) -> Result<Vec<AttemptError>> {
        self.errors
            .as_deref()
            .map_or(Ok(Vec::new()), |text| self.json(text, "errors"))
    }

    /// Returns attempts and crashes.
    pub fn spent(&self) -> (u32, u32) {
        (self.attempt as u32, self.crashes as u32)
    }

    /// Returns the job as far as the ledger knows it; a live one is shown as it will be when it is dispatched.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the row cannot be read.
    pub fn to_record(&self, now: Timestamp) -> Result<JobRecord> {
        let spec = self.to_new_job()?;
        let ended = self.ended()?;
        let submitted_at = self.submitted_at();
        let run_at = spec.run_at.map_or(submitted_at, |at| at.max(submitted_at));
        Ok(JobRecord {
            state: ended.unwrap_or(if !spec.depends_on.is_empty() {
                JobState::Waiting
            } else if run_at > now {
                JobState::Scheduled
            } else {
                JobState::Ready
            }),
            dead_reason: self
                .dead_reason
                .as_deref()
                .map(str::parse::<DeadReason>)
                .transpose()
                .map_err(Error::Corrupt)?,
            attempt: self.attempt as u32,
            crashes: self.crashes as u32,
            epoch: self.epoch(),
            worker: None,
            lease_expires_at: None,
            cancel_requested: false,
            progress: Progress::default(),
            checkpoint: None,
            errors: self.errors()?,
            result: self
                .result
                .as_deref()
                .map(|text| self.json(text, "result"))
                .transpose()?,
            submitted_at,
            run_at,
            started_at: self.started_at.map(instant),
            finished_at: ended.and(self.finished_at).map(instant),
            spec,
        })
    }

    fn json<T: for<'a> Deserialize<'a>>(&self, text: &str, column: &str) -> Result<T> {
        serde_json::from_str(text).map_err(|error| {
            Error::Corrupt(format!("`{column}` of ledger job `{}`: {error}", self.id))
        })
    }
}

/// Reads a `state` column: `None` is a live job.
pub(super) fn read_state(text: &str) -> Result<Option<JobState>> {
    if text == ACCEPTED {
        return Ok(None);
    }
    text.parse().map(Some).map_err(Error::Corrupt)
}

fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_survives_its_row() {
        let plain = NewJob::new("k", "q", json!({"n": 1}));
        let mut full = plain.clone();
        full.priority = Priority::Urgent;
        full.tags = vec!["a".to_owned()];
        full.run_at = Some("2026-01-02T03:04:05Z".parse().expect("an instant"));
        full.expires_at = full.run_at;
        full.deadline = full.run_at;
        full.backoff.base_ms = 7;
        full = full.unique_until_done("key");
        full.parent = Some(JobId::new());
        full.depends_on = vec![JobId::new()];
        full.schema_version = 0;
        full.traceparent = Some("00-1".to_owned());
        for job in [plain, full] {
            let entry = Entry::new(&job).expect("it serialises");
            let row = StoredJob {
                seq: 1,
                id: entry.id.as_uuid(),
                submitted_at: 0,
                started_at: None,
                finished_at: None,
                epoch: 0,
                body_hash: entry.body_hash,
                attempt: 0,
                crashes: 0,
                max_attempts: entry.max_attempts as i32,
                state: ACCEPTED.to_owned(),
                dead_reason: None,
                queue: entry.queue,
                kind: entry.kind,
                tenant: entry.tenant,
                spec: entry.spec,
                errors: None,
                result: None,
            };
            assert_eq!(row.to_new_job().expect("it is whole"), job);
        }
    }
}
