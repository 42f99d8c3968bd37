//! What a ledger stores and answers: the contract between [`super::LedgerBroker`] and SQL.
//!
//! Decisions are made above it. A ledger finds and stores, many rows in one statement, and each of its verbs is one
//! transaction. All verbs are safe to repeat.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::entry::{Entry, EntryKey, StoredJob};
use crate::{
    DeadReason, JobId, JobState, Result,
    broker::{JobFilter, Retention},
    job::AttemptError,
};

/// The most rows in one settlement.
pub const MAX_SETTLE: usize = 5_000;

/// Which new jobs an insert keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Every one that nothing stands in the way of.
    Each,
    /// All, or none where one is a conflict.
    AllOrNone,
    /// None: the caller only wants to know.
    None,
}

/// What an insert found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// The job is new.
    New,
    /// A job with this id is there.
    Known(Holder),
    /// Another job holds the unique key.
    KeyTaken(Holder),
}

/// The job that stands in the way of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The job.
    pub id: JobId,
    /// How it ended, as far as the ledger knows.
    pub ended: Option<JobState>,
    /// Its kind and payload.
    pub body_hash: Uuid,
    /// Whether it gives its key away when it ends.
    pub until_done: bool,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// The job.
    pub id: JobId,
    /// A terminal state.
    pub state: JobState,
    /// Set exactly when it is dead.
    pub dead_reason: Option<DeadReason>,
    /// When its last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Timestamp,
    /// The epoch of its last lease.
    pub epoch: u64,
    /// Attempts, as its broker counts them.
    pub attempt: u32,
    /// Leases lost.
    pub crashes: u32,
    /// Attempts its broker allowed it.
    pub max_attempts: u32,
    /// Failed attempts.
    pub errors: Vec<AttemptError>,
    /// The result, as JSON.
    pub result: Option<String>,
}

/// What the failed attempts of a live job have cost so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// The job.
    pub id: JobId,
    /// Attempts, as its broker counts them.
    pub attempt: u32,
    /// Leases lost.
    pub crashes: u32,
    /// Attempts its broker allowed it.
    pub max_attempts: u32,
    /// Failed attempts.
    pub errors: Vec<AttemptError>,
}

/// An ended job that is to run again.
#[derive(Debug, Clone)]
pub struct Reopen {
    /// The job.
    pub id: JobId,
    /// What it now is, without the limits in time that a retry lifts.
    pub spec: String,
    /// The epoch of the end that is taken back.
    pub epoch: u64,
    /// The instant of the end that is taken back.
    pub finished_at: Timestamp,
    /// The key it needs again.
    pub key: Option<EntryKey>,
    /// Its kind and payload.
    pub body_hash: Uuid,
    /// Whether it stays ended where another job has the key.
    pub only_with_key: bool,
}

/// What became of a [`Reopen`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reopened {
    /// It is live.
    Done,
    /// Another job has its key.
    KeyTaken,
    /// There is no such job.
    Missing,
}

/// The ledger's own sums.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    /// Jobs ever accepted.
    pub accepted: u64,
    /// Jobs pruned after they ended.
    pub pruned: u64,
    /// Jobs that are not known to have ended, counted row by row.
    pub open: u64,
    /// Ended jobs by state, counted row by row.
    pub ended: Vec<(JobState, u64)>,
}

impl Sums {
    /// Returns how many jobs are there.
    pub fn present(&self) -> u64 {
        self.open + self.ended.iter().map(|(_, count)| count).sum::<u64>()
    }
}

/// Remembers what was accepted and what became of it. See the module's introduction.
///
/// Every verb fails with [`crate::Error::Unavailable`] where SQL does not answer.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Adds jobs, in the order given, and takes their unique keys. No two entries have the same id or key. When it
    /// returns, what is new is durable.
    async fn insert(&self, entries: &[&Entry], keep: Keep, now: Timestamp)
    -> Result<Vec<Inserted>>;

    /// Deletes live jobs as if they had never been accepted.
    async fn discard(&self, ids: &[JobId]) -> Result<()>;

    /// Writes how jobs ended, at most [`MAX_SETTLE`] and no job twice. An end that is not newer (by epoch, then by
    /// instant) than the last one of its job is ignored, unless `force` is set. Frees unique keys. Returns how many
    /// jobs were changed.
    async fn settle(&self, ends: &[Settlement], force: bool) -> Result<u64>;

    /// Writes what failed attempts of live jobs have cost, no job twice.
    async fn note(&self, notes: &[Note]) -> Result<()>;

    /// Makes an ended job live again.
    async fn reopen(&self, job: &Reopen, now: Timestamp) -> Result<Reopened>;

    /// Deletes an ended job and counts it as pruned; `false` where there is none that has ended.
    async fn delete(&self, id: JobId) -> Result<bool>;

    /// Writes what a job now is: another payload, another instant to run at. Its unique key follows. `false` where there is
    /// no such job.
    async fn rewrite(&self, entry: &Entry) -> Result<bool>;

    /// Takes any epoch as newer from now on: the broker that counted them is gone.
    async fn forget_epochs(&self, ids: &[JobId]) -> Result<()>;

    /// Returns live jobs after `seq`, oldest first.
    async fn open_after(&self, seq: i64, limit: usize) -> Result<Vec<StoredJob>>;

    /// Returns ids of live jobs submitted before `before`, newest first.
    async fn newest_open(&self, before: Timestamp, limit: usize) -> Result<Vec<JobId>>;

    /// Returns which of these jobs are live, in no order.
    async fn still_open(&self, ids: &[JobId]) -> Result<Vec<JobId>>;

    /// Returns a job.
    async fn get(&self, id: JobId) -> Result<Option<StoredJob>>;

    /// Returns ended jobs with smaller ids than `before`, the largest id first.
    async fn history(
        &self,
        filter: &JobFilter,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<Vec<StoredJob>>;

    /// Counts jobs: live ones under `None`.
    async fn counts(&self, filter: &JobFilter) -> Result<Vec<(Option<JobState>, u64)>>;

    /// Deletes ended jobs whose retention is over, at most `limit`, and expired unique keys. Returns how many jobs went.
    async fn prune(&self, retention: &Retention, now: Timestamp, limit: usize) -> Result<usize>;

    /// Counts everything, in one snapshot.
    async fn sums(&self) -> Result<Sums>;

    /// Says whether SQL answers.
    async fn ping(&self) -> Result<()>;
}
