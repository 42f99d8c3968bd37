//! What a developer writes: a payload type with a name and a `run` function.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    Broker, Error, JobRecord, NewJob, Outcome, Result,
    batch::{self, ChildOutcome},
    broker::LeaseRef,
    job::{Backoff, Priority, Progress},
};

/// A kind of job: its payload, its defaults, and what it does.
///
/// Delivery is at least once, so `run` must be idempotent: derive output keys from the payload, write by upsert,
/// guard by [`JobContext::epoch`] where an older attempt must not overwrite a newer one.
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// The name in the queue, dotted: `document.process`.
    const KIND: &'static str;
    /// The queue it waits in unless told otherwise.
    const QUEUE: &'static str = "default";
    /// Grows when the payload changes in a way that older workers cannot read.
    const SCHEMA_VERSION: u32 = 1;
    /// The time limit of one attempt.
    const TIMEOUT: Duration = Duration::from_mins(5);
    /// Attempts that may fail.
    const MAX_ATTEMPTS: u32 = 20;
    /// The wait between attempts.
    const BACKOFF: Backoff = Backoff {
        base_ms: 1_000,
        max_ms: 300_000,
    };
    /// The place in the queue.
    const PRIORITY: Priority = Priority::Normal;

    /// What the handler needs beside its payload: stores, clients. Cloned for each run.
    type Context: Clone + Send + Sync + 'static;

    /// Returns a key that keeps a second live job with the same key out, or `None`.
    fn unique_key(&self) -> Option<String> {
        None
    }

    /// Runs one attempt. CPU-bound work belongs on a pool of its own, not in here.
    fn run(self, context: Self::Context, job: JobContext) -> impl Future<Output = Outcome> + Send;

    /// Turns the payload into a job that can be submitted, with the kind's defaults.
    ///
    /// # Errors
    /// When the payload does not serialise to JSON.
    fn into_new_job(self) -> Result<NewJob, serde_json::Error> {
        let unique_key = self.unique_key();
        let mut job = NewJob::new(Self::KIND, Self::QUEUE, serde_json::to_value(&self)?);
        job.priority = Self::PRIORITY;
        job.timeout_ms = u64::try_from(Self::TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        job.max_attempts = Self::MAX_ATTEMPTS;
        job.backoff = Self::BACKOFF;
        job.schema_version = Self::SCHEMA_VERSION;
        Ok(match unique_key {
            Some(key) => job.unique_until_done(key),
            None => job,
        })
    }
}

/// The handler's view of its own job: who it is, how it reports, and when it must stop.
///
/// Clones share one state. A std mutex guards it: sections are a few instructions and no await is held across them.
#[derive(Debug, Clone)]
pub struct JobContext {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    record: JobRecord,
    cancel: CancellationToken,
    shutdown: CancellationToken,
    report: Mutex<Report>,
    source: Source,
}

/// Where the job came from, to ask for others.
#[derive(Clone, Default)]
struct Source(Option<Arc<dyn Broker>>);

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Source").field(&self.0.is_some()).finish()
    }
}

/// What the handler has said since the last heartbeat, and what it says in all.
#[derive(Debug, Default)]
struct Report {
    progress: Option<Progress>,
    checkpoint: Option<Value>,
    progress_changed: bool,
    checkpoint_changed: bool,
}

impl JobContext {
    /// Builds the context of one attempt. `cancel` fires on a cancel request, a lost lease or the soft time limit;
    /// `shutdown` when the worker wants its jobs to finish or to save a checkpoint.
    pub fn new(record: JobRecord, cancel: CancellationToken, shutdown: CancellationToken) -> Self {
        Self::with_source(record, cancel, shutdown, Source::default())
    }

    /// As [`JobContext::new`], for a job of `broker`: then [`JobContext::children`] works.
    pub fn on_broker(
        record: JobRecord,
        cancel: CancellationToken,
        shutdown: CancellationToken,
        broker: Arc<dyn Broker>,
    ) -> Self {
        Self::with_source(record, cancel, shutdown, Source(Some(broker)))
    }

    fn with_source(
        record: JobRecord,
        cancel: CancellationToken,
        shutdown: CancellationToken,
        source: Source,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                record,
                cancel,
                shutdown,
                report: Mutex::default(),
                source,
            }),
        }
    }

    /// Returns what became of the jobs that this one waited for, at most `limit` of them; for the root of a
    /// [batch], of its members.
    ///
    /// # Errors
    /// Those of [`Broker::get`]; [`Error::Invalid`] for a context that was built without a broker.
    pub async fn children(&self, limit: usize) -> Result<Vec<ChildOutcome>> {
        let Source(Some(broker)) = &self.shared.source else {
            return Err(Error::Invalid(
                "this context has no broker to ask for other jobs".to_owned(),
            ));
        };
        batch::children(&**broker, self.record(), limit).await
    }

    /// Returns the job as it was fetched.
    pub fn record(&self) -> &JobRecord {
        &self.shared.record
    }

    /// Returns the lease: the job's id with its epoch.
    pub fn lease(&self) -> LeaseRef {
        LeaseRef {
            id: self.record().id(),
            epoch: self.epoch(),
        }
    }

    /// Returns the fencing token of this attempt.
    pub fn epoch(&self) -> u64 {
        self.record().epoch
    }

    /// Returns the number of this attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.record().attempt
    }

    /// Returns the token that fires when this attempt must stop: cancelled, lease lost, time limit.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.shared.cancel
    }

    /// Returns the token that fires when the worker shuts down: finish soon, or save a checkpoint and return
    /// [`Outcome::Released`].
    pub fn shutdown(&self) -> &CancellationToken {
        &self.shared.shutdown
    }

    /// Says how far the job has come; written with the next heartbeat.
    pub fn progress(&self, done: u64, total: u64, stage: &str) {
        let mut report = self.report();
        report.progress = Some(Progress {
            done,
            total,
            stage: stage.to_owned(),
            message: String::new(),
        });
        report.progress_changed = true;
    }

    /// Keeps notes for the next attempt; written with the next heartbeat and with the outcome.
    pub fn save_checkpoint(&self, checkpoint: Value) {
        let mut report = self.report();
        report.checkpoint = Some(checkpoint);
        report.checkpoint_changed = true;
    }

    /// Returns the newest checkpoint: this attempt's, or an earlier one's.
    pub fn checkpoint(&self) -> Option<Value> {
        self.report()
            .checkpoint
            .clone()
            .or_else(|| self.record().checkpoint.clone())
    }

    /// Returns what has not been written yet, and counts it as written.
    pub fn take_changes(&self) -> (Option<Progress>, Option<Value>) {
        let mut report = self.report();
        let progress = std::mem::take(&mut report.progress_changed)
            .then(|| report.progress.clone())
            .flatten();
        let checkpoint = std::mem::take(&mut report.checkpoint_changed)
            .then(|| report.checkpoint.clone())
            .flatten();
        (progress, checkpoint)
    }

    /// Counts what [`JobContext::take_changes`] took as not written: the write failed.
    pub fn restore_changes(&self) {
        let mut report = self.report();
        report.progress_changed = report.progress.is_some();
        report.checkpoint_changed = report.checkpoint.is_some();
    }

    /// Returns everything this attempt has reported, whether written or not.
    pub fn reported(&self) -> (Option<Progress>, Option<Value>) {
        let report = self.report();
        (report.progress.clone(), report.checkpoint.clone())
    }

    /// A panic in another section cannot leave the report half-written: each field is set in one step.
    fn report(&self) -> MutexGuard<'_, Report> {
        self.shared
            .report
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
