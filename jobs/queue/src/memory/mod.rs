//! The contract in the memory of one process: for tests of one's own job kinds, and to compare other brokers with.
//!
//! Nothing survives the process, and nothing is slower than it must be: one lock around plain collections, with an index
//! for each question, so that fetch, promote and rescue cost O(log n) a job, however many there are. Where a job goes is
//! decided by the same rules as in the [SQLite broker](crate::sqlite).
//!
//! # A test of one's own job kind
//!
//! A worker runs the job as it would in production: its state, its errors and its attempts are the broker's to tell.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use graphmill_queue::{
//!     Broker, BrokerOptions, Client, Job, JobContext, JobState, Outcome, Worker,
//!     clock::SystemClock, memory::MemoryBroker,
//! };
//! use serde::{Deserialize, Serialize};
//! use tokio_util::sync::CancellationToken;
//!
//! #[derive(Serialize, Deserialize)]
//! struct CountWords {
//!     text: String,
//! }
//!
//! impl Job for CountWords {
//!     const KIND: &'static str = "text.count_words";
//!     type Context = ();
//!
//!     async fn run(self, (): (), _: JobContext) -> Outcome {
//!         let words = self.text.split_whitespace().count();
//!         Outcome::Done(serde_json::json!({ "words": words }))
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let broker: Arc<dyn Broker> = Arc::new(MemoryBroker::new(
//!     Arc::new(SystemClock),
//!     BrokerOptions::default(),
//! ));
//! let job = CountWords { text: "three short words".to_owned() };
//! let verdict = Client::new(broker.clone()).submit(job).await?;
//! let id = verdict.id().expect("the job is accepted");
//!
//! let stop = CancellationToken::new();
//! let worker = Worker::builder(broker.clone())
//!     .register::<CountWords>()
//!     .queue(CountWords::QUEUE, 1)
//!     .build()?;
//! let running = tokio::spawn(worker.run(stop.clone()));
//! let done = loop {
//!     match broker.get(id).await? {
//!         Some(job) if job.state.is_terminal() => break job,
//!         _ => tokio::time::sleep(Duration::from_millis(1)).await,
//!     }
//! };
//! stop.cancel();
//! running.await??;
//!
//! assert_eq!(done.state, JobState::Completed);
//! assert_eq!(done.result, Some(serde_json::json!({ "words": 3 })));
//! # Ok(())
//! # }
//! ```
//!
//! What depends on time needs no waiting: give the broker a [`FakeClock`](crate::clock::FakeClock), move it, and call
//! [`promote_due`](Broker::promote_due).
//!
//! # How it is built
//!
//! `core` holds the state and what follows from every change; each verb is one of its methods, and runs to its end under
//! the lock. This module only takes the lock, and wakes whoever waits after it is free again.

mod control;
mod core;
mod events;
mod fetch;
mod inspect;
mod jobs;
mod keys;
mod lanes;
mod submit;
mod sweep;
mod waiting;
mod work;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use self::core::Core;
use crate::{
    Broker, Error, JobId, JobRecord, JobState, NewJob, Result,
    broker::{
        Audit, FetchRequest, Finish, Finished, JobEvent, JobFilter, Lease, Limits, Page, Placement,
        QueueStats, ReadyJobs, Renewal, Renewed, Rescued, Retention, Scope, ScopeRule, Verdict,
    },
    clock::Clock,
    options::BrokerOptions,
    rules::submit::check_all,
    wake::Wakers,
    workers::WorkerInfo,
};

/// A [`Broker`] in memory.
#[derive(Debug)]
pub struct MemoryBroker {
    options: BrokerOptions,
    /// A std mutex: a verb awaits nothing.
    core: Mutex<Core>,
    wakers: Wakers,
}

impl MemoryBroker {
    /// Makes an empty broker.
    pub fn new(clock: Arc<dyn Clock>, options: BrokerOptions) -> Self {
        Self {
            core: Mutex::new(Core::new(clock, options.clone())),
            options,
            wakers: Wakers::default(),
        }
    }

    /// A verb that panicked may have left half of a change behind.
    fn lock(&self) -> Result<MutexGuard<'_, Core>> {
        self.core
            .lock()
            .map_err(|_| Error::Corrupt("an earlier call panicked in the memory broker".to_owned()))
    }

    /// Runs a verb that changes something, then wakes the queues in which jobs became ready.
    fn change<T>(&self, verb: impl FnOnce(&mut Core) -> Result<T>) -> Result<T> {
        let (answer, woken) = {
            let mut core = self.lock()?;
            (verb(&mut core), core.take_woken())
        };
        for queue in woken {
            self.wakers.wake(&queue);
        }
        answer
    }
}

#[async_trait]
impl Broker for MemoryBroker {
    async fn submit(&self, jobs: Vec<NewJob>, all_or_nothing: bool) -> Result<Vec<Verdict>> {
        let jobs = check_all(jobs, &self.options)?;
        self.change(|core| Ok(core.submit(jobs, all_or_nothing)))
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Lease>> {
        self.change(|core| core.fetch(request, core.now()))
    }

    async fn renew(&self, lease: Duration, renewals: &[Renewal]) -> Result<Vec<Renewed>> {
        self.change(|core| core.renew(lease, renewals))
    }

    async fn finish(
        &self,
        finishes: &[Finish],
        then_fetch: Option<&FetchRequest>,
    ) -> Result<(Vec<Finished>, Vec<Lease>)> {
        let (finished, leases, wake_all) = self.change(|core| core.finish(finishes, then_fetch))?;
        if wake_all {
            self.wakers.wake_all();
        }
        Ok((finished, leases))
    }

    async fn promote_due(&self, limit: usize) -> Result<usize> {
        self.change(|core| core.promote_due(limit))
    }

    async fn rescue_expired(&self, limit: usize) -> Result<Vec<Rescued>> {
        self.change(|core| core.rescue_expired(limit))
    }

    async fn cancel(&self, id: JobId) -> Result<JobRecord> {
        self.change(|core| core.cancel(id))
    }

    async fn retry(&self, id: JobId) -> Result<JobRecord> {
        self.change(|core| core.retry(id))
    }

    async fn snooze(&self, id: JobId, until: Timestamp) -> Result<JobRecord> {
        self.change(|core| core.snooze(id, until))
    }

    async fn delete(&self, id: JobId) -> Result<()> {
        self.change(|core| core.delete_one(id))
    }

    async fn set_payload(&self, id: JobId, payload: Value) -> Result<JobRecord> {
        self.change(|core| core.set_payload(id, payload))
    }

    async fn set_paused(&self, scope: Scope, paused: bool) -> Result<()> {
        self.lock()?.set_paused(scope, paused);
        self.wakers.wake_all();
        Ok(())
    }

    async fn set_limits(&self, scope: Scope, limits: Limits) -> Result<()> {
        self.lock()?.set_limits(scope, limits)?;
        self.wakers.wake_all();
        Ok(())
    }

    async fn scopes(&self) -> Result<Vec<ScopeRule>> {
        let core = self.lock()?;
        Ok(core.scopes.describe(core.now()))
    }

    async fn placement(&self, id: JobId) -> Result<Option<Placement>> {
        Ok(self.lock()?.jobs.placement(id))
    }

    async fn ready(&self) -> Result<Vec<ReadyJobs>> {
        Ok(self.lock()?.ready())
    }

    async fn report_worker(&self, info: &WorkerInfo, ttl: Duration) -> Result<()> {
        let core = self.lock()?;
        core.workers.report(info, ttl, core.instant());
        Ok(())
    }

    async fn workers(&self) -> Result<Vec<WorkerInfo>> {
        let core = self.lock()?;
        Ok(core.workers.list(core.instant()))
    }

    async fn get(&self, id: JobId) -> Result<Option<JobRecord>> {
        self.lock()?.get(id)
    }

    async fn list(
        &self,
        filter: &JobFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<JobRecord>> {
        self.lock()?.list(filter, cursor, limit)
    }

    async fn counts(&self, filter: &JobFilter) -> Result<Vec<(JobState, u64)>> {
        Ok(self.lock()?.counts(filter))
    }

    async fn queues(&self) -> Result<Vec<QueueStats>> {
        Ok(self.lock()?.queues())
    }

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<JobEvent>> {
        Ok(self.lock()?.events.after(after, limit))
    }

    async fn prune(&self, retention: &Retention, limit: usize) -> Result<usize> {
        self.change(|core| Ok(core.prune(retention, limit)))
    }

    async fn audit(&self) -> Result<Audit> {
        Ok(self.lock()?.audit())
    }

    async fn wait_ready(&self, queues: &[String], timeout: Duration) {
        self.wakers.wait(queues, timeout).await;
    }

    async fn ping(&self) -> Result<()> {
        self.lock().map(drop)
    }
}
