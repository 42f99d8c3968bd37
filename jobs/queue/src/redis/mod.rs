//! The contract on Redis: one server, Sentinel or Cluster.
//!
//! A verb is a script in `lua/` and a file here that speaks to it. All keys of a queue share one hash tag; the broker
//! finds a job's queue by asking every queue, unless it leased the job itself. What crosses queues (dependencies, pauses
//! of kinds and tenants) is carried over by `courier` and `queues`, and looked after by the maintenance.

mod address;
mod codec;
mod control;
mod courier;
pub mod doctor;
mod events;
mod fetch;
mod finding;
mod finish;
mod forget;
mod inspect;
mod keys;
mod link;
mod list;
pub mod owner;
mod queues;
mod reply;
mod scripts;
mod submit;
mod submitter;
mod sweep;
mod wake;
mod watch;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use self::{
    address::Address,
    forget::Doubts,
    link::{Arguments, Link},
    queues::Queues,
    submitter::Submitter,
    wake::Wakers,
};
use crate::{
    Broker, JobId, JobRecord, JobState, NewJob, Result,
    broker::{
        Audit, FetchRequest, Finish, Finished, JobEvent, JobFilter, Lease, Limits, Page, Placement,
        QueueStats, Readmission, ReadyJobs, Renewal, Renewed, Rescued, Retention, Scope, ScopeRule,
        Verdict,
    },
    clock::Clock,
    options::BrokerOptions,
    workers::WorkerInfo,
};

/// Entries that one script may touch.
const CHUNK: usize = 1_000;

/// Where and how.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// `redis://`, `rediss://`, `redis+sentinel://`, `redis-cluster://`.
    pub url: String,
    /// What every key begins with, so that installations can share a server.
    pub prefix: String,
    /// How many replicas must have an accepted job before the submit returns; 0 does not ask.
    pub wait_replicas: u32,
    /// How long a worker without work waits before it looks again by itself.
    pub idle_poll: Duration,
}

impl RedisOptions {
    /// The defaults for a server.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: "gm".to_owned(),
            wait_replicas: 0,
            idle_poll: Duration::from_secs(5),
        }
    }
}

/// A [`Broker`] on Redis. Clones share connections.
#[derive(Clone)]
pub struct RedisBroker {
    shared: Arc<Shared>,
    submitter: Submitter,
}

impl std::fmt::Debug for RedisBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisBroker")
            .field("prefix", &self.shared.link.prefix())
            .finish_non_exhaustive()
    }
}

struct Shared {
    link: Link,
    /// For renewals alone. The client drives a connection from the runtime that made it: this one is made on the lease
    /// keeper's thread, so that handlers which block every thread of the main runtime do not stop it.
    keeper_link: Link,
    options: BrokerOptions,
    redis: RedisOptions,
    /// Only tests give one; else the server's clock counts.
    clock: Option<Arc<dyn Clock>>,
    queues: Queues,
    /// The queues of jobs that were leased here. A std mutex: sections are one lookup, no await is held.
    leased: Mutex<HashMap<JobId, Arc<str>>>,
    wakers: Arc<Wakers>,
    doubts: Doubts,
    /// The lease of the last fetch; before that, so long that it bounds nothing.
    lease_ms: AtomicU64,
}

impl RedisBroker {
    /// Prepares the broker. Connects with the first call, so that a process can start before its server does.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a URL that cannot be read.
    pub fn new(redis: RedisOptions, options: BrokerOptions) -> Result<Self> {
        Self::with_clock(redis, options, None)
    }

    /// As [`RedisBroker::new`], with a clock in the server's place: for tests that step the time.
    ///
    /// # Errors
    /// As [`RedisBroker::new`].
    pub fn with_clock(
        redis: RedisOptions,
        options: BrokerOptions,
        clock: Option<Arc<dyn Clock>>,
    ) -> Result<Self> {
        let address = Address::parse(&redis.url)?;
        let link = Link::new(address.clone(), redis.prefix.clone())?;
        let keeper_link = Link::new(address, redis.prefix.clone())?;
        let shared = Arc::new(Shared {
            wakers: Wakers::new(link.clone(), redis.idle_poll),
            link,
            keeper_link,
            options,
            redis,
            clock,
            queues: Queues::default(),
            leased: Mutex::default(),
            doubts: Doubts::default(),
            lease_ms: AtomicU64::new(60_000),
        });
        Ok(Self {
            submitter: Submitter::new(Arc::clone(&shared)),
            shared,
        })
    }
}

impl RedisBroker {
    /// Deletes every key of this broker's prefix: all jobs of all queues. There is no way back.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]: part of it may be left; repeat it.
    pub async fn erase(&self) -> Result<()> {
        self.shared.erase().await
    }

    /// Returns a section of what the server says about itself.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn info(&self, section: &str) -> Result<String> {
        let mut command = ::redis::cmd("INFO");
        command.arg(section);
        reply::text(self.shared.link.call(&command, true).await?)
    }
}

impl Shared {
    /// Begins the arguments of a script: `ARGV[1]` is the time, 0 for the server's own.
    fn arguments(&self) -> Arguments {
        let mut arguments = Arguments::default();
        let now = self
            .clock
            .as_ref()
            .map_or(0, |clock| clock.now().as_millisecond());
        arguments.push_number(now);
        arguments
    }

    fn leased(&self) -> MutexGuard<'_, HashMap<JobId, Arc<str>>> {
        self.leased.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Broker for RedisBroker {
    async fn submit(&self, jobs: Vec<NewJob>, all_or_nothing: bool) -> Result<Vec<Verdict>> {
        match <[NewJob; 1]>::try_from(jobs) {
            // Alone, and needing nobody: goes with those that other callers submit at this moment.
            Ok([job]) if job.depends_on.is_empty() => Ok(vec![self.submitter.submit(job).await?]),
            Ok(jobs) => {
                self.shared
                    .submit(jobs.into(), all_or_nothing, HashMap::new())
                    .await
            }
            Err(jobs) => {
                self.shared
                    .submit(jobs, all_or_nothing, HashMap::new())
                    .await
            }
        }
    }

    async fn readmit(&self, jobs: Vec<Readmission>) -> Result<Vec<Verdict>> {
        self.shared.readmit(jobs).await
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Lease>> {
        self.shared.fetch(request).await
    }

    async fn renew(&self, lease: Duration, renewals: &[Renewal]) -> Result<Vec<Renewed>> {
        self.shared.renew(lease, renewals).await
    }

    async fn finish(
        &self,
        finishes: &[Finish],
        then_fetch: Option<&FetchRequest>,
    ) -> Result<(Vec<Finished>, Vec<Lease>)> {
        self.shared.finish(finishes, then_fetch).await
    }

    async fn promote_due(&self, limit: usize) -> Result<usize> {
        self.shared.promote_due(limit).await
    }

    async fn rescue_expired(&self, limit: usize) -> Result<Vec<Rescued>> {
        self.shared.rescue_expired(limit).await
    }

    async fn cancel(&self, id: JobId) -> Result<JobRecord> {
        self.shared.cancel(id).await
    }

    async fn retry(&self, id: JobId) -> Result<JobRecord> {
        self.shared.retry(id).await
    }

    async fn snooze(&self, id: JobId, until: Timestamp) -> Result<JobRecord> {
        self.shared.snooze(id, until).await
    }

    async fn delete(&self, id: JobId) -> Result<()> {
        self.shared.delete(id).await
    }

    async fn set_payload(&self, id: JobId, payload: Value) -> Result<JobRecord> {
        self.shared.set_payload(id, &payload).await
    }

    async fn set_paused(&self, scope: Scope, paused: bool) -> Result<()> {
        self.shared.set_paused(&scope, paused).await
    }

    async fn set_limits(&self, scope: Scope, limits: Limits) -> Result<()> {
        self.shared.set_limits(&scope, limits).await
    }

    async fn scopes(&self) -> Result<Vec<ScopeRule>> {
        self.shared.scopes().await
    }

    async fn placement(&self, id: JobId) -> Result<Option<Placement>> {
        self.shared.placement(id).await
    }

    async fn ready(&self) -> Result<Vec<ReadyJobs>> {
        self.shared.ready().await
    }

    async fn report_worker(&self, info: &WorkerInfo, ttl: Duration) -> Result<()> {
        self.shared.report_worker(info, ttl).await
    }

    async fn workers(&self) -> Result<Vec<WorkerInfo>> {
        self.shared.workers().await
    }

    async fn get(&self, id: JobId) -> Result<Option<JobRecord>> {
        self.shared.get(id).await
    }

    async fn list(
        &self,
        filter: &JobFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<JobRecord>> {
        self.shared.list(filter, cursor, limit).await
    }

    async fn counts(&self, filter: &JobFilter) -> Result<Vec<(JobState, u64)>> {
        self.shared.counts(filter).await
    }

    async fn queues(&self) -> Result<Vec<QueueStats>> {
        self.shared.describe_queues().await
    }

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<JobEvent>> {
        self.shared.events(after, limit).await
    }

    async fn prune(&self, retention: &Retention, limit: usize) -> Result<usize> {
        self.shared.prune(retention, limit).await
    }

    async fn audit(&self) -> Result<Audit> {
        self.shared.audit().await
    }

    async fn wait_ready(&self, queues: &[String], timeout: Duration) {
        self.shared.wakers.wait(queues, timeout).await;
    }

    async fn ping(&self) -> Result<()> {
        self.shared.ping().await
    }

    fn idle_poll(&self) -> Duration {
        self.shared.redis.idle_poll
    }

    fn is_quiet(&self) -> bool {
        self.shared.wakers.is_quiet(&self.shared.queues.known())
    }
}
