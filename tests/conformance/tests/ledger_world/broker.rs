//! A broker that can be emptied, cut off, or made to hang, as a server can.

use std::{
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use graphmill_queue::{
    Broker, BrokerOptions, Error, JobId, JobRecord, JobState, NewJob, Result,
    broker::{
        Audit, FetchRequest, Finish, Finished, JobEvent, JobFilter, Lease, Limits, Page, Placement,
        QueueStats, Readmission, ReadyJobs, Renewal, Renewed, Rescued, Retention, Scope, ScopeRule,
        Verdict,
    },
    clock::FakeClock,
    sqlite::{Database, OpenOptions, SqliteBroker},
    workers::WorkerInfo,
};

/// A SQLite broker behind a switch.
pub struct FaultyBroker {
    clock: Arc<FakeClock>,
    options: BrokerOptions,
    inner: RwLock<(Arc<dyn Broker>, tempfile::TempDir)>,
    away: AtomicBool,
    /// Submits reach it and never return.
    hangs: AtomicBool,
    emptied: AtomicU64,
}

impl FaultyBroker {
    pub async fn start(clock: Arc<FakeClock>, options: BrokerOptions) -> Self {
        let inner = fresh(&clock, &options).await;
        Self {
            clock,
            options,
            inner: RwLock::new(inner),
            away: AtomicBool::new(false),
            hangs: AtomicBool::new(false),
            emptied: AtomicU64::new(0),
        }
    }

    /// Forgets everything.
    pub async fn empty(&self) {
        let inner = fresh(&self.clock, &self.options).await;
        *self.inner.write().unwrap() = inner;
        self.emptied.fetch_add(1, Ordering::Relaxed);
    }

    /// From now on every call fails, or succeeds again.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    pub fn set_hangs(&self, hangs: bool) {
        self.hangs.store(hangs, Ordering::Relaxed);
    }

    /// The broker behind, whatever the switch says.
    pub fn behind(&self) -> Arc<dyn Broker> {
        Arc::clone(&self.inner.read().unwrap().0)
    }

    fn up(&self) -> Result<Arc<dyn Broker>> {
        if self.away.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("cut off by the test".into()));
        }
        Ok(self.behind())
    }
}

async fn fresh(
    clock: &Arc<FakeClock>,
    options: &BrokerOptions,
) -> (Arc<dyn Broker>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path().join("broker.db"), OpenOptions::default())
        .await
        .unwrap();
    let broker = SqliteBroker::new(database, clock.clone(), options.clone()).unwrap();
    (Arc::new(broker), folder)
}

#[async_trait]
impl Broker for FaultyBroker {
    async fn submit(&self, jobs: Vec<NewJob>, all_or_nothing: bool) -> Result<Vec<Verdict>> {
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        self.up()?.submit(jobs, all_or_nothing).await
    }

    async fn readmit(&self, jobs: Vec<Readmission>) -> Result<Vec<Verdict>> {
        self.up()?.readmit(jobs).await
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Lease>> {
        self.up()?.fetch(request).await
    }

    async fn renew(&self, lease: Duration, renewals: &[Renewal]) -> Result<Vec<Renewed>> {
        self.up()?.renew(lease, renewals).await
    }

    async fn finish(
        &self,
        finishes: &[Finish],
        then_fetch: Option<&FetchRequest>,
    ) -> Result<(Vec<Finished>, Vec<Lease>)> {
        self.up()?.finish(finishes, then_fetch).await
    }

    async fn promote_due(&self, limit: usize) -> Result<usize> {
        self.up()?.promote_due(limit).await
    }

    async fn rescue_expired(&self, limit: usize) -> Result<Vec<Rescued>> {
        self.up()?.rescue_expired(limit).await
    }

    async fn cancel(&self, id: JobId) -> Result<JobRecord> {
        self.up()?.cancel(id).await
    }

    async fn retry(&self, id: JobId) -> Result<JobRecord> {
        self.up()?.retry(id).await
    }

    async fn snooze(&self, id: JobId, until: jiff::Timestamp) -> Result<JobRecord> {
        self.up()?.snooze(id, until).await
    }

    async fn delete(&self, id: JobId) -> Result<()> {
        self.up()?.delete(id).await
    }

    async fn set_payload(&self, id: JobId, payload: serde_json::Value) -> Result<JobRecord> {
        self.up()?.set_payload(id, payload).await
    }

    async fn set_paused(&self, scope: Scope, paused: bool) -> Result<()> {
        self.up()?.set_paused(scope, paused).await
    }

    async fn set_limits(&self, scope: Scope, limits: Limits) -> Result<()> {
        self.up()?.set_limits(scope, limits).await
    }

    async fn scopes(&self) -> Result<Vec<ScopeRule>> {
        self.up()?.scopes().await
    }

    async fn placement(&self, id: JobId) -> Result<Option<Placement>> {
        self.up()?.placement(id).await
    }

    async fn ready(&self) -> Result<Vec<ReadyJobs>> {
        self.up()?.ready().await
    }

    async fn report_worker(&self, info: &WorkerInfo, ttl: Duration) -> Result<()> {
        self.up()?.report_worker(info, ttl).await
    }

    async fn workers(&self) -> Result<Vec<WorkerInfo>> {
        self.up()?.workers().await
    }

    async fn get(&self, id: JobId) -> Result<Option<JobRecord>> {
        self.up()?.get(id).await
    }

    async fn list(
        &self,
        filter: &JobFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<JobRecord>> {
        self.up()?.list(filter, cursor, limit).await
    }

    async fn counts(&self, filter: &JobFilter) -> Result<Vec<(JobState, u64)>> {
        self.up()?.counts(filter).await
    }

    async fn queues(&self) -> Result<Vec<QueueStats>> {
        self.up()?.queues().await
    }

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<JobEvent>> {
        self.up()?.events(after, limit).await
    }

    async fn prune(&self, retention: &Retention, limit: usize) -> Result<usize> {
        self.up()?.prune(retention, limit).await
    }

    async fn audit(&self) -> Result<Audit> {
        self.up()?.audit().await
    }

    async fn wait_ready(&self, queues: &[String], timeout: Duration) {
        self.behind().wait_ready(queues, timeout).await;
    }

    async fn ping(&self) -> Result<()> {
        self.up()?.ping().await
    }
}
