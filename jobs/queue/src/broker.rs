//! The contract between the job engine and whatever stores its jobs.
//!
//! Every broker answers the same verbs with the same meaning; one conformance suite tells whether it does.
//! All verbs are safe to repeat: a caller that lost the answer asks again. Time is the broker's: no instant
//! that a caller computes decides when a lease ends.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    DeadReason, JobId, JobRecord, JobState, NewJob, Outcome, Result, WorkerId,
    job::{AttemptError, ErrorClass, Progress},
    outcome::JobError,
    workers::WorkerInfo,
};

/// The largest number of jobs in one submit.
pub const MAX_SUBMIT: usize = 10_000;

/// What became of one submitted job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Accepted under its id.
    Accepted {
        /// The job's id.
        id: JobId,
    },
    /// A job with the same unique key (or id) and the same body is there already.
    Duplicate {
        /// The original's id.
        id: JobId,
        /// Its present state.
        state: JobState,
    },
    /// A job with the same unique key but another body is there.
    Conflict {
        /// The original's id.
        id: JobId,
    },
    /// The job itself is wrong (too large, bad value); the message names what and the limit.
    Rejected {
        /// Stable: `job.payload_too_large`, `job.invalid`.
        code: String,
        /// For people.
        message: String,
    },
}

impl Verdict {
    /// Returns the id of the job that now stands for the submitted one.
    pub fn id(&self) -> Option<JobId> {
        match self {
            Self::Accepted { id } | Self::Duplicate { id, .. } => Some(*id),
            Self::Conflict { .. } | Self::Rejected { .. } => None,
        }
    }
}

/// A job that its broker has forgotten, with what is known of its past.
#[derive(Debug, Clone, PartialEq)]
pub struct Readmission {
    /// What was submitted.
    pub job: NewJob,
    /// Attempts it has spent.
    pub attempt: u32,
    /// Leases it has lost.
    pub crashes: u32,
    /// Its leases get larger epochs than this, so that whoever held one before is refused.
    pub epoch: u64,
    /// Its failed attempts, the newest last.
    pub errors: Vec<AttemptError>,
}

impl Readmission {
    /// Returns a job that may fail as often as this one may still: for brokers that take no past.
    pub fn into_new_job(self) -> NewJob {
        let mut job = self.job;
        job.max_attempts = job.max_attempts.saturating_sub(self.attempt).max(1);
        job
    }
}

/// How many jobs a worker wants, from which queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// Who asks. No other worker that runs has this name: what was leased under it and got lost on the way may be given
    /// back.
    pub worker: WorkerId,
    /// Queues with their free slots; a worker asks for no more than it can start now.
    pub slots: Vec<QueueSlots>,
    /// Kinds it can run, with the newest schema version it understands. Others stay where they are.
    pub kinds: Vec<(String, u32)>,
    /// How long the leases last unless renewed.
    pub lease: Duration,
}

/// Free slots for one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSlots {
    /// The queue.
    pub queue: String,
    /// Jobs it may start now.
    pub free: usize,
}

/// Says that one worker may run one job for now.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease {
    /// The job, in state running, with this attempt already counted.
    pub job: JobRecord,
    /// The fencing token: equals `job.epoch`.
    pub epoch: u64,
}

/// Names a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LeaseRef {
    /// The job.
    pub id: JobId,
    /// The lease's epoch.
    pub epoch: u64,
}

/// Keeps a lease and tells how far its job has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Renewal {
    /// Which lease.
    pub lease: LeaseRef,
    /// New progress, if it changed.
    pub progress: Option<Progress>,
    /// New checkpoint, if it changed.
    pub checkpoint: Option<Value>,
}

/// What the broker says to a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// The lease goes on.
    Kept,
    /// The lease goes on, and somebody asked for the job's end.
    CancelRequested,
    /// The lease is somebody else's or nobody's: stop; nothing this attempt writes will count.
    Lost,
}

/// The end of one attempt, as the runtime reports it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// Which lease.
    pub lease: LeaseRef,
    /// How it ended.
    pub end: AttemptEnd,
    /// The last checkpoint, where the heartbeat has not written it yet.
    pub checkpoint: Option<Value>,
    /// The last progress.
    pub progress: Option<Progress>,
}

/// How an attempt ended: by an outcome of the handler, or without one.
#[derive(Debug, Clone, PartialEq)]
pub enum AttemptEnd {
    /// The handler returned this.
    Outcome(Outcome),
    /// The handler panicked or ran into its time limit, or its payload could not be read.
    Failed {
        /// Which of these.
        class: ErrorClass,
        /// Code and message.
        error: JobError,
    },
}

/// What the broker says to a finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// Stored (now, or by an earlier call with the same lease whose answer was lost); the job's new state.
    Stored(JobState),
    /// The lease was lost: the attempt did not count, somebody else's will.
    Refused,
}

/// A job taken back from a lost worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescued {
    /// The job.
    pub id: JobId,
    /// Its queue.
    pub queue: String,
    /// Its kind.
    pub kind: String,
    /// Its new state: ready, or dead when the crash budget is used up.
    pub state: JobState,
    /// Who had it.
    pub worker: Option<WorkerId>,
}

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

/// Stores jobs and decides who runs them. See the module's introduction for what holds of all verbs.
#[async_trait]
pub trait Broker: Send + Sync + 'static {
    /// Accepts jobs, at most [`MAX_SUBMIT`], with a verdict for each in the order given.
    ///
    /// With `all_or_nothing`, one conflict or rejection keeps all of them out (the others' verdicts then say what
    /// would have been). A submit that repeats an id gives [`Verdict::Duplicate`]. When it returns, the accepted jobs
    /// are durable.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]: nothing is known to be accepted; repeat it.
    async fn submit(&self, jobs: Vec<NewJob>, all_or_nothing: bool) -> Result<Vec<Verdict>>;

    /// Accepts jobs that were accepted before and may have been forgotten since, as [`Broker::submit`] without
    /// `all_or_nothing` does. A job that is there stays as it is ([`Verdict::Duplicate`]).
    ///
    /// A broker that can be emptied must carry the past of its jobs, above all the epoch: else the holder of a lease from
    /// before passes for the holder of a new one. What stands here is for brokers that never forget; it keeps the attempts.
    async fn readmit(&self, jobs: Vec<Readmission>) -> Result<Vec<Verdict>> {
        let jobs = jobs.into_iter().map(Readmission::into_new_job).collect();
        self.submit(jobs, false).await
    }

    /// Leases jobs that may run now: by priority, then by age, within the limits, not from what is paused.
    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Lease>>;

    /// Renews leases in one call; answers in the order given.
    async fn renew(&self, lease: Duration, renewals: &[Renewal]) -> Result<Vec<Renewed>>;

    /// Stores how attempts ended, in the order given, and in the same round trip leases the next jobs.
    async fn finish(
        &self,
        finishes: &[Finish],
        then_fetch: Option<&FetchRequest>,
    ) -> Result<(Vec<Finished>, Vec<Lease>)>;

    /// Makes jobs ready whose `run_at` or backoff has passed, kills those whose `expires_at` or deadline has, at most
    /// `limit` of them. Returns how many changed.
    async fn promote_due(&self, limit: usize) -> Result<usize>;

    /// Takes back jobs whose lease has run out, at most `limit`.
    async fn rescue_expired(&self, limit: usize) -> Result<Vec<Rescued>>;

    /// Ends a job: at once where it waits; where it runs, its handler is told and the state changes when it obeys.
    /// Cancelling a cancelled job is no error.
    async fn cancel(&self, id: JobId) -> Result<JobRecord>;

    /// Makes an ended job run again, with fresh attempts, or one that waits for its time run now.
    async fn retry(&self, id: JobId) -> Result<JobRecord>;

    /// Makes a job that is ready or waits for its time run at `until` and not before; an instant that has passed is due at
    /// once. Attempts spent stay spent.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] for a job that runs, has ended, or waits for another: that one decides.
    async fn snooze(&self, id: JobId, until: Timestamp) -> Result<JobRecord>;

    /// Deletes an ended job, as [`Broker::prune`] does when its retention is over. A unique key that outlives the job stays
    /// taken.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] for a job that has not ended.
    async fn delete(&self, id: JobId) -> Result<()>;

    /// Gives a dead job another payload, for its next [`Broker::retry`]: what it was submitted with could not end well. The
    /// job stays dead. What tells repeated submits from others follows the payload.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] for a job that is not dead, [`crate::Error::Invalid`] for a payload that is too large.
    async fn set_payload(&self, id: JobId, payload: Value) -> Result<JobRecord>;

    /// Stops (`true`) or restarts (`false`) the fetching of a scope.
    async fn set_paused(&self, scope: Scope, paused: bool) -> Result<()>;

    /// Sets the limits of a scope; the default value removes them.
    async fn set_limits(&self, scope: Scope, limits: Limits) -> Result<()>;

    /// Describes every scope with a pause or a limit, in the order of [`Scope`].
    async fn scopes(&self) -> Result<Vec<ScopeRule>>;

    /// Returns where a ready job stands in line; `None` for a job that is not ready. Looks at a bounded number of jobs.
    async fn placement(&self, id: JobId) -> Result<Option<Placement>>;

    /// Counts the ready jobs by queue, kind, schema version and tenant, in this order.
    async fn ready(&self) -> Result<Vec<ReadyJobs>>;

    /// Takes what a worker says of itself, and believes it for `ttl`; no time at all takes the worker out.
    async fn report_worker(&self, info: &WorkerInfo, ttl: Duration) -> Result<()>;

    /// Describes the workers whose last report is still believed, by name.
    async fn workers(&self) -> Result<Vec<WorkerInfo>>;

    /// Returns a job.
    async fn get(&self, id: JobId) -> Result<Option<JobRecord>>;

    /// Lists jobs, newest first, `limit` (at most 1,000) a page.
    async fn list(
        &self,
        filter: &JobFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<JobRecord>>;

    /// Counts jobs by state, zeros included, in the order of [`JobState::ALL`].
    async fn counts(&self, filter: &JobFilter) -> Result<Vec<(JobState, u64)>>;

    /// Describes every queue that has or had jobs, by name.
    async fn queues(&self) -> Result<Vec<QueueStats>>;

    /// Returns events after `seq`, the oldest first, at most `limit`.
    async fn events(&self, after: u64, limit: usize) -> Result<Vec<JobEvent>>;

    /// Deletes ended jobs (and events) whose retention is over, at most `limit`. Returns how many jobs went.
    async fn prune(&self, retention: &Retention, limit: usize) -> Result<usize>;

    /// Recomputes the sums of [`Audit`] by a scan.
    async fn audit(&self) -> Result<Audit>;

    /// Returns when a job may have become ready in one of `queues`, and at the latest after `timeout`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next call returns at once if something became ready in between.
    async fn wait_ready(&self, queues: &[String], timeout: Duration);

    /// Says whether the broker answers.
    async fn ping(&self) -> Result<()>;

    /// How long a worker that nothing wakes waits before it fetches by itself.
    fn idle_poll(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Tells whether nothing is due for [`Broker::promote_due`] and [`Broker::rescue_expired`], as far as this process
    /// learnt not long ago: then the maintenance spares the broker the question.
    fn is_quiet(&self) -> bool {
        false
    }
}
