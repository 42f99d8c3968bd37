//! The contract on one SQLite file.
//!
//! Verbs that write are values that travel to `engine`, the one thread that writes; verbs that read use the pool of
//! readers directly. Verbs decide in Rust (`rules`, `changes`); statements longer than a line are in `queries/`.

mod changes;
mod control;
mod database;
mod engine;
mod fetch;
mod finish;
mod inspect;
mod load;
mod readmit;
mod renew;
mod row;
mod schedules;
mod scopes;
pub(crate) mod submit;
mod sweep;
mod watch;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

pub use self::database::{Database, OpenOptions, WriteTurn};
use self::engine::Engine;
pub use self::schedules::SqliteSchedules;
use crate::{
    Broker, JobId, JobRecord, JobState, NewJob, Result,
    broker::{
        Audit, FetchRequest, Finish, Finished, JobEvent, JobFilter, Lease, Limits, Page, Placement,
        QueueStats, Readmission, ReadyJobs, Renewal, Renewed, Rescued, Retention, Scope, ScopeRule,
        Verdict,
    },
    clock::Clock,
    options::BrokerOptions,
    wake::Wakers,
    workers::{WorkerInfo, WorkerTable},
};

/// A [`Broker`] on a [`Database`].
#[derive(Debug)]
pub struct SqliteBroker {
    database: Database,
    options: BrokerOptions,
    engine: Engine,
    wakers: Arc<Wakers>,
    clock: Arc<dyn Clock>,
    /// In memory: all workers on a file are in the process that has it open.
    workers: WorkerTable,
}

impl SqliteBroker {
    /// Starts the writing thread.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when the system gives no thread.
    pub fn new(database: Database, clock: Arc<dyn Clock>, options: BrokerOptions) -> Result<Self> {
        let wakers = Arc::new(Wakers::default());
        Ok(Self {
            engine: Engine::start(
                database.clone(),
                Arc::clone(&clock),
                options.clone(),
                Arc::clone(&wakers),
            )?,
            database,
            options,
            wakers,
            clock,
            workers: WorkerTable::default(),
        })
    }

    /// Returns the database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Runs what was asked before, then ends the writing thread. Later calls get [`crate::Error::Unavailable`].
    /// The database stays open: [`Database::close`] comes after.
    pub async fn close(&self) {
        self.engine.close().await;
    }
}

#[async_trait]
impl Broker for SqliteBroker {
    async fn submit(&self, jobs: Vec<NewJob>, all_or_nothing: bool) -> Result<Vec<Verdict>> {
        self.engine
            .call(submit::Submit::new(jobs, all_or_nothing, &self.options)?)
            .await
    }

    async fn readmit(&self, jobs: Vec<Readmission>) -> Result<Vec<Verdict>> {
        self.engine
            .call(readmit::Readmit::new(jobs, &self.options)?)
            .await
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Lease>> {
        self.engine.call(fetch::Fetch(request.clone())).await
    }

    async fn renew(&self, lease: Duration, renewals: &[Renewal]) -> Result<Vec<Renewed>> {
        self.engine
            .call(renew::Renew {
                lease,
                renewals: renewals.to_vec(),
            })
            .await
    }

    async fn finish(
        &self,
        finishes: &[Finish],
        then_fetch: Option<&FetchRequest>,
    ) -> Result<(Vec<Finished>, Vec<Lease>)> {
        let (finished, leases, wake_all) = self
            .engine
            .call(finish::FinishAll {
                finishes: finishes.to_vec(),
                then_fetch: then_fetch.cloned(),
            })
            .await?;
        if wake_all {
            self.wakers.wake_all();
        }
        Ok((finished, leases))
    }

    async fn promote_due(&self, limit: usize) -> Result<usize> {
        self.engine.call(sweep::PromoteDue { limit }).await
    }

    async fn rescue_expired(&self, limit: usize) -> Result<Vec<Rescued>> {
        self.engine.call(sweep::RescueExpired { limit }).await
    }

    async fn cancel(&self, id: JobId) -> Result<JobRecord> {
        self.engine.call(control::Cancel(id)).await
    }

    async fn retry(&self, id: JobId) -> Result<JobRecord> {
        self.engine.call(control::Retry(id)).await
    }

    async fn snooze(&self, id: JobId, until: Timestamp) -> Result<JobRecord> {
        self.engine.call(control::Snooze { id, until }).await
    }

    async fn delete(&self, id: JobId) -> Result<()> {
        self.engine.call(control::Delete(id)).await
    }

    async fn set_payload(&self, id: JobId, payload: Value) -> Result<JobRecord> {
        self.engine.call(control::SetPayload { id, payload }).await
    }

    async fn set_paused(&self, scope: Scope, paused: bool) -> Result<()> {
        self.engine
            .call(control::SetPaused { scope, paused })
            .await?;
        self.wakers.wake_all();
        Ok(())
    }

    async fn set_limits(&self, scope: Scope, limits: Limits) -> Result<()> {
        self.engine
            .call(control::SetLimits { scope, limits })
            .await?;
        self.wakers.wake_all();
        Ok(())
    }

    async fn scopes(&self) -> Result<Vec<ScopeRule>> {
        self.engine.call(watch::Scopes).await
    }

    async fn placement(&self, id: JobId) -> Result<Option<Placement>> {
        watch::placement(&self.database, id).await
    }

    async fn ready(&self) -> Result<Vec<ReadyJobs>> {
        watch::ready(&self.database).await
    }

    async fn report_worker(&self, info: &WorkerInfo, ttl: Duration) -> Result<()> {
        self.workers.report(info, ttl, self.clock.now());
        Ok(())
    }

    async fn workers(&self) -> Result<Vec<WorkerInfo>> {
        Ok(self.workers.list(self.clock.now()))
    }

    async fn get(&self, id: JobId) -> Result<Option<JobRecord>> {
        inspect::get(&self.database, id).await
    }

    async fn list(
        &self,
        filter: &JobFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<JobRecord>> {
        inspect::list(&self.database, filter, cursor, limit).await
    }

    async fn counts(&self, filter: &JobFilter) -> Result<Vec<(JobState, u64)>> {
        inspect::counts(&self.database, filter).await
    }

    async fn queues(&self) -> Result<Vec<QueueStats>> {
        // The instant comes from the writer's clock, which tests may step.
        let now = self.engine.call(control::Now).await?;
        inspect::queues(&self.database, now).await
    }

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<JobEvent>> {
        inspect::events(&self.database, after, limit).await
    }

    async fn prune(&self, retention: &Retention, limit: usize) -> Result<usize> {
        self.engine
            .call(sweep::Prune {
                retention: *retention,
                limit,
            })
            .await
    }

    async fn audit(&self) -> Result<Audit> {
        inspect::audit(&self.database).await
    }

    async fn wait_ready(&self, queues: &[String], timeout: Duration) {
        self.wakers.wait(queues, timeout).await;
    }

    async fn ping(&self) -> Result<()> {
        self.engine.call(control::Now).await.map(drop)
    }
}
