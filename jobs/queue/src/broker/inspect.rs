//! What people, dashboards and autoscalers ask a broker, and what it says.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DeadReason, JobId, JobState};

/// What pause and resume apply to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "scope", content = "name", rename_all = "snake_case")]
pub enum Scope {
    /// One queue.
    Queue(String),
    /// One kind, in every queue.
    Kind(String),
    /// One tenant, in every queue.
    Tenant(String),
}

/// A limit on a scope, over all workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Jobs running at once; `None` means no limit.
    pub concurrency: Option<u32>,
    /// Starts a second (token bucket); `None` means no limit.
    pub rate_per_s: Option<f64>,
    /// The bucket's size; 0 means one second's worth.
    pub burst: u32,
    /// A tenant's share of what is fetched, against the other tenants' (1–100); `None` means 1. Other scopes ignore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

impl Limits {
    /// Returns the share: 1 unless it is set.
    pub fn weight(&self) -> u32 {
        self.weight.unwrap_or(1).clamp(1, 100)
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, name) = match self {
            Self::Queue(name) => ("queue", name),
            Self::Kind(name) => ("kind", name),
            Self::Tenant(name) => ("tenant", name),
        };
        write!(f, "{what} `{name}`")
    }
}

/// What holds for one scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScopeRule {
    /// For what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Nothing of it is fetched.
    pub paused: bool,
    /// Its limits.
    pub limits: Limits,
    /// When its rate allows the next start; `None` where it does now.
    pub opens_at: Option<Timestamp>,
}

/// Where a ready job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Ready jobs of its queue that come before it: all of more urgent priority, and those before it in its lane (the same
    /// priority, kind, schema version and tenant). Lanes of one priority take turns: jobs of others are not counted.
    pub ahead: u64,
    /// Whether that is a count; else an estimate, because too many stand before it.
    pub exact: bool,
}

/// Ready jobs of one queue, kind, schema version and tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadyJobs {
    /// The queue.
    pub queue: String,
    /// The kind.
    pub kind: String,
    /// The version of the payload's schema.
    pub schema_version: u32,
    /// The tenant.
    pub tenant: String,
    /// How many, at least 1.
    pub jobs: u64,
    /// The moving average of the kind's run time; `None` where none has run.
    pub run_ms_avg: Option<f64>,
}

/// Which jobs a list, a count or an operation by filter means. Empty fields mean "any".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobFilter {
    /// Any of these states.
    pub states: Vec<JobState>,
    /// This queue.
    pub queue: Option<String>,
    /// This kind.
    pub kind: Option<String>,
    /// This tenant.
    pub tenant: Option<String>,
    /// With this tag.
    pub tag: Option<String>,
    /// Whose last error has this code.
    pub error_code: Option<String>,
    /// Submitted at or after.
    pub submitted_after: Option<Timestamp>,
    /// Submitted before.
    pub submitted_before: Option<Timestamp>,
}

/// One page of a list, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// At most as many as asked for.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next_cursor: Option<String>,
}

/// The state of one queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueStats {
    /// Its name.
    pub queue: String,
    /// Jobs in each state, zeros included, in the order of [`JobState::ALL`].
    pub counts: Vec<(JobState, u64)>,
    /// Age of the job that has been ready longest, seconds.
    pub oldest_ready_s: Option<f64>,
    /// Work that waits, in seconds of one slot: ready jobs × the moving average of their kind's run time.
    pub backlog_s: f64,
    /// Nothing is fetched from it.
    pub paused: bool,
    /// Its limits.
    pub limits: Limits,
}

/// One entry of the event stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobEvent {
    /// Grows with each event, over all queues; there may be gaps.
    pub seq: u64,
    /// Which job.
    pub job_id: JobId,
    /// Its kind.
    pub kind: String,
    /// Its queue.
    pub queue: String,
    /// The state it entered.
    pub state: JobState,
    /// The attempt.
    pub attempt: u32,
    /// Why it is dead, if it is.
    pub dead_reason: Option<DeadReason>,
    /// When.
    pub at: Timestamp,
}

/// How long ended jobs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Completed jobs.
    pub completed: Duration,
    /// Cancelled jobs.
    pub cancelled: Duration,
    /// Dead jobs.
    pub dead: Duration,
    /// Events.
    pub events: Duration,
}

/// Sums that must agree: what was accepted is somewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Jobs ever accepted.
    pub accepted: u64,
    /// Jobs pruned or deleted after they ended.
    pub pruned: u64,
    /// Jobs there now, counted row by row.
    pub present: u64,
    /// `accepted − pruned − present`: 0, or something is lost.
    pub unaccounted: i64,
}
