//! A broker that kills its own process at two points that a killer outside cannot hit on purpose.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use graphmill_queue::{
    Broker, JobId, JobRecord, JobState, NewJob, Result,
    broker::{
        Audit, FetchRequest, Finish, Finished, JobEvent, JobFilter, Lease, Limits, Page, Placement,
        QueueStats, Readmission, ReadyJobs, Renewal, Renewed, Rescued, Retention, Scope, ScopeRule,
        Verdict,
    },
    workers::WorkerInfo,
};
use jiff::Timestamp;
use rand::{Rng, SeedableRng, rngs::StdRng};

use serde_json::Value;

use super::WorkerArgs;

/// Passes everything on.
pub(super) struct Failpoints {
    inner: Arc<dyn Broker>,
    before_start: f64,
    before_ack: f64,
    random: Mutex<StdRng>,
}

impl Failpoints {
    pub(super) fn new(inner: Arc<dyn Broker>, args: &WorkerArgs) -> Self {
        Self {
            inner,
            before_start: args.die_before_start,
            before_ack: args.die_before_ack,
            random: Mutex::new(StdRng::seed_from_u64(args.seed)),
        }
    }

    /// Dies without a word, as by kill -9.
    fn die_perhaps(&self, probability: f64) {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        if probability > 0.0 && random.random_bool(probability) {
            let myself = rustix::process::getpid();
            let _ = rustix::process::kill_process(myself, rustix::process::Signal::KILL);
        }
    }

    fn fetched(&self, leases: Vec<Lease>) -> Vec<Lease> {
        if !leases.is_empty() {
            self.die_perhaps(self.before_start);
        }
        leases
    }
}

#[async_trait]
impl Broker for Failpoints {
    async fn submit(&self, jobs: Vec<NewJob>, all_or_nothing: bool) -> Result<Vec<Verdict>> {
        self.inner.submit(jobs, all_or_nothing).await
    }

    async fn readmit(&self, jobs: Vec<Readmission>) -> Result<Vec<Verdict>> {
        self.inner.readmit(jobs).await
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Lease>> {
        Ok(self.fetched(self.inner.fetch(request).await?))
    }

    async fn renew(&self, lease: Duration, renewals: &[Renewal]) -> Result<Vec<Renewed>> {
        self.inner.renew(lease, renewals).await
    }

    async fn finish(
        &self,
        finishes: &[Finish],
        then_fetch: Option<&FetchRequest>,
    ) -> Result<(Vec<Finished>, Vec<Lease>)> {
        if !finishes.is_empty() {
            self.die_perhaps(self.before_ack);
        }
        let (finished, leases) = self.inner.finish(finishes, then_fetch).await?;
        Ok((finished, self.fetched(leases)))
    }

    async fn promote_due(&self, limit: usize) -> Result<usize> {
        self.inner.promote_due(limit).await
    }

    async fn rescue_expired(&self, limit: usize) -> Result<Vec<Rescued>> {
        self.inner.rescue_expired(limit).await
    }

    async fn cancel(&self, id: JobId) -> Result<JobRecord> {
        self.inner.cancel(id).await
    }

    async fn retry(&self, id: JobId) -> Result<JobRecord> {
        self.inner.retry(id).await
    }

    async fn snooze(&self, id: JobId, until: Timestamp) -> Result<JobRecord> {
        self.inner.snooze(id, until).await
    }

    async fn delete(&self, id: JobId) -> Result<()> {
        self.inner.delete(id).await
    }

    async fn set_payload(&self, id: JobId, payload: Value) -> Result<JobRecord> {
        self.inner.set_payload(id, payload).await
    }

    async fn set_paused(&self, scope: Scope, paused: bool) -> Result<()> {
        self.inner.set_paused(scope, paused).await
    }

    async fn set_limits(&self, scope: Scope, limits: Limits) -> Result<()> {
        self.inner.set_limits(scope, limits).await
    }

    async fn scopes(&self) -> Result<Vec<ScopeRule>> {
        self.inner.scopes().await
    }

    async fn placement(&self, id: JobId) -> Result<Option<Placement>> {
        self.inner.placement(id).await
    }

    async fn ready(&self) -> Result<Vec<ReadyJobs>> {
        self.inner.ready().await
    }

    async fn report_worker(&self, info: &WorkerInfo, ttl: Duration) -> Result<()> {
        self.inner.report_worker(info, ttl).await
    }

    async fn workers(&self) -> Result<Vec<WorkerInfo>> {
        self.inner.workers().await
    }

    async fn get(&self, id: JobId) -> Result<Option<JobRecord>> {
        self.inner.get(id).await
    }

    async fn list(
        &self,
        filter: &JobFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<JobRecord>> {
        self.inner.list(filter, cursor, limit).await
    }

    async fn counts(&self, filter: &JobFilter) -> Result<Vec<(JobState, u64)>> {
        self.inner.counts(filter).await
    }

    async fn queues(&self) -> Result<Vec<QueueStats>> {
        self.inner.queues().await
    }

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<JobEvent>> {
        self.inner.events(after, limit).await
    }

    async fn prune(&self, retention: &Retention, limit: usize) -> Result<usize> {
        self.inner.prune(retention, limit).await
    }

    async fn audit(&self) -> Result<Audit> {
        self.inner.audit().await
    }

    async fn wait_ready(&self, queues: &[String], timeout: Duration) {
        self.inner.wait_ready(queues, timeout).await;
    }

    async fn ping(&self) -> Result<()> {
        self.inner.ping().await
    }

    fn idle_poll(&self) -> Duration {
        self.inner.idle_poll()
    }

    fn is_quiet(&self) -> bool {
        self.inner.is_quiet()
    }
}
