//! The contract between the job engine and whatever stores its jobs.
//!
//! Every broker answers the same verbs with the same meaning; one conformance suite tells whether it does.
//! All verbs are safe to repeat: a caller that lost the answer asks again. Time is the broker's: no instant
//! that a caller computes decides when a lease ends.

mod inspect;
mod work;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

pub use self::{
    inspect::{
        Audit, JobEvent, JobFilter, Limits, Page, Placement, QueueStats, ReadyJobs, Retention,
        Scope, ScopeRule,
    },
    work::{
        AttemptEnd, FetchRequest, Finish, Finished, Lease, LeaseRef, QueueSlots, Readmission,
        Renewal, Renewed, Rescued, Verdict,
    },
};
use crate::{JobId, JobRecord, JobState, NewJob, Result, workers::WorkerInfo};

/// The largest number of jobs in one submit.
pub const MAX_SUBMIT: usize = 10_000;

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
