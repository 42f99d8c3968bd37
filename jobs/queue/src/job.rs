//! A job: what is submitted, and what the broker knows of it.

use std::{fmt, str::FromStr, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{DeadReason, JobId, JobState, WorkerId, outcome::JobError};

/// How urgent a job is. Strict order, with a starvation guard where jobs are fetched.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before everything else.
    Urgent = 0,
    /// Before normal work.
    High = 1,
    /// The default.
    #[default]
    Normal = 2,
    /// When nothing else waits.
    Low = 3,
}

impl Priority {
    /// Every priority, most urgent first.
    pub const ALL: [Self; 4] = [Self::Urgent, Self::High, Self::Normal, Self::Low];

    /// Returns the name used in JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// Returns the priority with this rank: 0 (urgent) to 3 (low).
    pub fn from_rank(rank: u8) -> Option<Self> {
        Self::ALL.get(usize::from(rank)).copied()
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Priority {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| {
                format!("priority `{text}` is unknown; expected one of urgent, high, normal, low")
            })
    }
}

/// How long a failed job waits: exponential with full jitter, capped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// The upper bound of the first delay, ms.
    pub base_ms: u64,
    /// The upper bound of every delay, ms.
    pub max_ms: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            base_ms: 1_000,
            max_ms: 300_000,
        }
    }
}

/// Until when a unique key is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UniqueUntil {
    /// Until the job is terminal.
    Done,
    /// For this many milliseconds after the submit, whatever becomes of the job.
    TtlMs(u64),
}

/// Keeps a second job with the same key out. The scope is (tenant, kind, key).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unique {
    /// At most 256 bytes.
    pub key: String,
    /// Until when.
    pub until: UniqueUntil,
}

/// A job as it is submitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewJob {
    /// The id it will have; chosen by the submitter, so that a repeated submit is the same job.
    pub id: JobId,
    /// Names the handler: `document.process`.
    pub kind: String,
    /// The queue it waits in.
    pub queue: String,
    /// The handler's input, at most `queue.max_payload_bytes` as JSON.
    pub payload: Value,
    /// Its place in the queue.
    #[serde(default)]
    pub priority: Priority,
    /// Whose work it is.
    pub tenant: String,
    /// Words to find it by, at most 16.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Not before; `None` and the past mean now.
    #[serde(default)]
    pub run_at: Option<Timestamp>,
    /// Start by, or never.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Be done by, or stop.
    #[serde(default)]
    pub deadline: Option<Timestamp>,
    /// The time limit of one attempt.
    pub timeout_ms: u64,
    /// Attempts that may fail, 1–100.
    pub max_attempts: u32,
    /// The wait between attempts.
    #[serde(default)]
    pub backoff: Backoff,
    /// Keeps duplicates out.
    #[serde(default)]
    pub unique: Option<Unique>,
    /// The job that submitted it.
    #[serde(default)]
    pub parent: Option<JobId>,
    /// Jobs that must settle first (completed, cancelled, dead or pruned), at most 1,000.
    #[serde(default)]
    pub depends_on: Vec<JobId>,
    /// The version of the payload's schema; a worker that knows only older ones leaves the job alone.
    #[serde(default)]
    pub schema_version: u32,
    /// W3C trace context.
    #[serde(default)]
    pub traceparent: Option<String>,
}

impl NewJob {
    /// A job of `kind` in `queue` with the defaults: normal priority, now, 20 attempts, 5 minutes an attempt.
    pub fn new(kind: impl Into<String>, queue: impl Into<String>, payload: Value) -> Self {
        Self {
            id: JobId::new(),
            kind: kind.into(),
            queue: queue.into(),
            payload,
            priority: Priority::Normal,
            tenant: DEFAULT_TENANT.to_owned(),
            tags: Vec::new(),
            run_at: None,
            expires_at: None,
            deadline: None,
            timeout_ms: 300_000,
            max_attempts: 20,
            backoff: Backoff::default(),
            unique: None,
            parent: None,
            depends_on: Vec::new(),
            schema_version: 1,
            traceparent: None,
        }
    }

    /// Sets the unique key, taken until the job is terminal.
    #[must_use]
    pub fn unique_until_done(mut self, key: impl Into<String>) -> Self {
        self.unique = Some(Unique {
            key: key.into(),
            until: UniqueUntil::Done,
        });
        self
    }
}

/// The tenant of an installation that has only one.
pub const DEFAULT_TENANT: &str = "default";

/// How far a job has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all, 0 where unknown.
    pub total: u64,
    /// The present stage, one word.
    #[serde(default)]
    pub stage: String,
    /// For people.
    #[serde(default)]
    pub message: String,
}

/// Which kind of failure an attempt ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The handler returned an error that may pass.
    Retryable,
    /// The handler returned an error that will not pass.
    Permanent,
    /// The handler panicked.
    Panic,
    /// The attempt ran into its time limit.
    Timeout,
    /// The lease was lost: the worker died or was cut off.
    Crash,
    /// The payload could not be read.
    Rejected,
    /// It was not run in time.
    Expired,
}

/// One failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptError {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Which kind of failure.
    pub class: ErrorClass,
    /// Code and message.
    #[serde(flatten)]
    pub error: JobError,
    /// Who ran it.
    pub worker: Option<WorkerId>,
    /// When it ended.
    pub at: Timestamp,
}

/// A job as the broker knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// What was submitted.
    #[serde(flatten)]
    pub spec: NewJob,
    /// Where it stands.
    pub state: JobState,
    /// Why it is dead, if it is.
    pub dead_reason: Option<DeadReason>,
    /// Attempts begun; counted when the job is fetched, given back by release, snooze and throttle.
    pub attempt: u32,
    /// Leases lost.
    pub crashes: u32,
    /// Grows with every lease; a write that carries an older one is refused (a fencing token).
    pub epoch: u64,
    /// Who holds it, while running.
    pub worker: Option<WorkerId>,
    /// Until when, while running.
    pub lease_expires_at: Option<Timestamp>,
    /// Somebody asked for its end; its handler has been or will be told.
    pub cancel_requested: bool,
    /// How far it has come.
    pub progress: Progress,
    /// The handler's own notes, at most `queue.max_checkpoint_bytes`; survives releases, retries and crashes.
    pub checkpoint: Option<Value>,
    /// Failed attempts, the newest last, at most `queue.max_errors`.
    pub errors: Vec<AttemptError>,
    /// What the handler returned.
    pub result: Option<Value>,
    /// When it was accepted.
    pub submitted_at: Timestamp,
    /// When it may run (again).
    pub run_at: Timestamp,
    /// When the present or last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended. Set exactly when the state is terminal.
    pub finished_at: Option<Timestamp>,
}

impl JobRecord {
    /// Returns the job's id.
    pub fn id(&self) -> JobId {
        self.spec.id
    }

    /// Returns the time limit of one attempt.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.spec.timeout_ms)
    }
}
