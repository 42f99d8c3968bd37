//! The wrapper: a broker whose jobs are remembered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Mutex;

use super::{
    changes,
    contract::{Ledger, Reopen, Reopened, Settlement},
    entry::{EntryKey, StoredJob, write_spec},
    history,
    leases::Leases,
    reconcile::Cursor,
    settle::{Item, Look, SettleOptions, Settler},
    submit::{self, Submitter},
};
use crate::{
    Broker, BrokerOptions, Error, JobId, JobRecord, JobState, NewJob, Result,
    broker::{
        Audit, FetchRequest, Finish, Finished, JobEvent, JobFilter, Lease, LeaseRef, Limits, Page,
        Placement, QueueStats, Readmission, ReadyJobs, Renewal, Renewed, Rescued, Retention, Scope,
        ScopeRule, Verdict,
    },
    clock::Clock,
    workers::WorkerInfo,
};

/// How a ledger works.
#[derive(Debug, Clone)]
pub struct LedgerOptions {
    /// The broker's limits: the ledger checks jobs by itself, for when the broker is away.
    pub broker: BrokerOptions,
    /// How long ended jobs are kept in SQL; `None` means as long as in the broker.
    pub retention: Option<Retention>,
    /// How ends are written.
    pub settle: SettleOptions,
    /// A job that the broker does not know is dispatched again when it was accepted this long ago: before, its submit
    /// may still be on its way.
    pub grace: Duration,
    /// How long a caller waits for ends to be written where its answer depends on them.
    pub flush_timeout: Duration,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            broker: BrokerOptions::default(),
            retention: None,
            settle: SettleOptions::default(),
            grace: Duration::from_secs(2),
            flush_timeout: Duration::from_secs(5),
        }
    }
}

/// A [`Broker`] that keeps its jobs in a [`Ledger`]. Clones share it. See the module's introduction.
#[derive(Clone)]
pub struct LedgerBroker {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) inner: Arc<dyn Broker>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: LedgerOptions,
    pub(super) settler: Settler,
    pub(super) submitter: Submitter,
    leases: Leases,
    /// Up to which event ends are known. An async mutex: one at a time reads on.
    pub(super) events: Mutex<u64>,
    pub(super) cursor: Mutex<Cursor>,
    /// When a submit last did not reach the broker, ms; 0 when all rows were looked at since.
    behind_since: AtomicI64,
}

impl std::fmt::Debug for LedgerBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LedgerBroker").finish_non_exhaustive()
    }
}

impl Shared {
    /// Notes that rows may have to be dispatched.
    pub(super) fn fell_behind(&self) {
        let now = self.clock.now().as_millisecond();
        self.behind_since.store(now, Ordering::Relaxed);
    }

    /// Returns since when rows may have to be dispatched or settled, if they may.
    pub(super) fn behind_since(&self) -> Option<Timestamp> {
        if self.settler.take_overflowed() {
            self.fell_behind();
        }
        let since = self.behind_since.load(Ordering::Relaxed);
        (since != 0)
            .then(|| Timestamp::from_millisecond(since).ok())
            .flatten()
    }

    /// Notes that all rows were looked at, unless more were left behind meanwhile.
    pub(super) fn caught_up(&self, since: Timestamp) {
        let since = since.as_millisecond();
        // Lost where somebody fell behind again: then there is another pass.
        let _ = self
            .behind_since
            .compare_exchange(since, 0, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Returns how to dispatch a row again.
    pub(super) fn readmission(&self, row: &StoredJob) -> Result<Readmission> {
        let mut job = row.to_new_job()?;
        let (attempt, crashes) = row.spent();
        if attempt + crashes > 0 {
            // It was started in time.
            job.expires_at = None;
        }
        Ok(Readmission {
            job,
            attempt,
            crashes,
            // Above every epoch that counts leases from 1, and above that of every readmission before.
            epoch: row
                .epoch()
                .max(u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0)),
            errors: row.errors()?,
        })
    }

    /// Returns when all ends that were reported are in SQL.
    pub(super) async fn flush(&self) -> Result<()> {
        self.settler.flush(self.options.flush_timeout).await
    }
}

fn look(id: JobId) -> Item {
    Item::Look(Look { id, known: None })
}

impl LedgerBroker {
    /// Wraps `inner` and starts the tasks that write. Dropping the last clone drops what they have not written, as a
    /// dying process would (the reconciler mends it); [`LedgerBroker::close`] first.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(
        inner: Arc<dyn Broker>,
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        options: LedgerOptions,
    ) -> Self {
        let settler = Settler::start(Arc::clone(&inner), Arc::clone(&ledger), &options.settle);
        Self {
            shared: Arc::new(Shared {
                settler,
                submitter: Submitter::start(Arc::clone(&ledger), Arc::clone(&clock)),
                inner,
                ledger,
                clock,
                options,
                leases: Leases::default(),
                events: Mutex::new(0),
                cursor: Mutex::default(),
                behind_since: AtomicI64::new(0),
            }),
        }
    }

    /// Returns the ledger.
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.shared.ledger
    }

    /// Returns how many ends wait to be written.
    pub fn unwritten(&self) -> u64 {
        self.shared.settler.waiting()
    }

    /// Returns when the ends of jobs that were reported before are in SQL.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where that takes longer than `timeout`; they stay queued.
    pub async fn flush(&self, timeout: Duration) -> Result<()> {
        self.shared.settler.flush(timeout).await
    }

    /// Writes what waits, for at most `timeout`.
    pub async fn close(&self, timeout: Duration) {
        if let Err(error) = self.flush(timeout).await {
            tracing::warn!(error = %error, jobs = self.unwritten(), "closed before the ends of jobs were written; the reconciler finds them");
        }
    }

    /// Queues for settlement what attempts' ends mean.
    fn note_ends(&self, finishes: &[Finish], answers: &[Finished]) {
        let now = self.shared.clock.now();
        let held = self
            .shared
            .leases
            .take(finishes.iter().map(|finish| finish.lease));
        let items = finishes.iter().zip(answers).zip(held);
        let items = items.filter_map(|((finish, answer), held)| {
            let Finished::Stored(state) = *answer else {
                return None;
            };
            let LeaseRef { id, epoch } = finish.lease;
            if state == JobState::Retrying {
                let note = held.and_then(|held| held.note(finish, now));
                return note.map(Item::Note);
            }
            if !state.is_terminal() {
                return None;
            }
            let end = held.and_then(|held| held.settlement(finish, state, now));
            Some(end.map_or_else(
                || {
                    Item::Look(Look {
                        id,
                        known: Some(Settlement::bare(id, state, epoch, now)),
                    })
                },
                Item::End,
            ))
        });
        self.shared.settler.push(items.collect::<Vec<_>>());
    }

    /// Cancels a job that the broker does not know.
    async fn cancel_in_ledger(&self, id: JobId) -> Result<JobRecord> {
        let shared = &self.shared;
        let row = shared.ledger.get(id).await?.ok_or(Error::NotFound(id))?;
        let now = shared.clock.now();
        match row.ended()? {
            Some(JobState::Cancelled) => return row.to_record(now),
            Some(state) => {
                return Err(Error::Conflict {
                    id,
                    state,
                    verb: "cancel",
                });
            }
            None => {}
        }
        // Force: it has not ended, whatever end an earlier retry took back.
        let mut record = row.to_record(now)?;
        record.state = JobState::Cancelled;
        record.finished_at = Some(now);
        if let Some(end) = Settlement::of(&record) {
            shared.ledger.settle(&[end], true).await?;
        }
        // Somebody may have dispatched it in between.
        match shared.inner.cancel(id).await {
            Ok(record) => Ok(record),
            Err(Error::NotFound(_)) => Ok(record),
            Err(error) => Err(error),
        }
    }

    /// Takes back the end of a job in the ledger.
    async fn reopen(&self, record: &JobRecord, only_with_key: bool) -> Result<Reopened> {
        let mut spec = record.spec.clone();
        // As every broker's retry does: what made it end, or would at once, no longer holds.
        spec.expires_at = None;
        spec.deadline = None;
        spec.run_at = None;
        spec.depends_on.clear();
        let entry = super::entry::Entry::new(&spec)?;
        let shared = &self.shared;
        let reopen = Reopen {
            id: record.id(),
            spec: write_spec(&spec)?,
            epoch: record.epoch,
            finished_at: record.finished_at.unwrap_or_else(|| shared.clock.now()),
            key: EntryKey::of(&spec),
            body_hash: entry.body_hash,
            only_with_key,
        };
        shared.ledger.reopen(&reopen, shared.clock.now()).await
    }

    /// Runs again a job that the broker has pruned.
    async fn retry_in_ledger(&self, id: JobId) -> Result<JobRecord> {
        let shared = &self.shared;
        let row = shared.ledger.get(id).await?.ok_or(Error::NotFound(id))?;
        if row.ended()?.is_some() {
            let record = row.to_record(shared.clock.now())?;
            if self.reopen(&record, true).await? == Reopened::KeyTaken {
                return Err(Error::Invalid(format!(
                    "job `{id}` cannot run again: another job holds its unique key"
                )));
            }
        }
        let row = shared.ledger.get(id).await?.ok_or(Error::NotFound(id))?;
        // From here on the reconciler would do the same.
        if let Err(error) = shared.inner.readmit(vec![shared.readmission(&row)?]).await {
            shared.fell_behind();
            return Err(error);
        }
        match shared.inner.get(id).await? {
            Some(record) => Ok(record),
            None => row.to_record(shared.clock.now()),
        }
    }
}

#[async_trait]
impl Broker for LedgerBroker {
    async fn submit(&self, jobs: Vec<NewJob>, all_or_nothing: bool) -> Result<Vec<Verdict>> {
        submit::submit(&self.shared, jobs, all_or_nothing).await
    }

    async fn readmit(&self, jobs: Vec<Readmission>) -> Result<Vec<Verdict>> {
        self.shared.inner.readmit(jobs).await
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Lease>> {
        let leases = self.shared.inner.fetch(request).await?;
        self.shared.leases.add(&leases);
        Ok(leases)
    }

    async fn renew(&self, lease: Duration, renewals: &[Renewal]) -> Result<Vec<Renewed>> {
        let answers = self.shared.inner.renew(lease, renewals).await?;
        let lost = renewals
            .iter()
            .zip(&answers)
            .filter(|(_, answer)| **answer == Renewed::Lost)
            .map(|(renewal, _)| renewal.lease);
        drop(self.shared.leases.take(lost));
        Ok(answers)
    }

    async fn finish(
        &self,
        finishes: &[Finish],
        then_fetch: Option<&FetchRequest>,
    ) -> Result<(Vec<Finished>, Vec<Lease>)> {
        let (answers, leases) = self.shared.inner.finish(finishes, then_fetch).await?;
        self.note_ends(finishes, &answers);
        self.shared.leases.add(&leases);
        Ok((answers, leases))
    }

    async fn promote_due(&self, limit: usize) -> Result<usize> {
        let changed = self.shared.inner.promote_due(limit).await?;
        if changed > 0 {
            // Which of them expired, only the events tell.
            self.shared.follow_events().await?;
        }
        Ok(changed)
    }

    async fn rescue_expired(&self, limit: usize) -> Result<Vec<Rescued>> {
        let rescued = self.shared.inner.rescue_expired(limit).await?;
        self.shared
            .settler
            .push(rescued.iter().map(|job| look(job.id)));
        Ok(rescued)
    }

    async fn cancel(&self, id: JobId) -> Result<JobRecord> {
        match self.shared.inner.cancel(id).await {
            Ok(record) => {
                self.shared
                    .settler
                    .push(Settlement::of(&record).map(Item::End));
                Ok(record)
            }
            Err(Error::NotFound(_)) => self.cancel_in_ledger(id).await,
            Err(error) => Err(error),
        }
    }

    async fn retry(&self, id: JobId) -> Result<JobRecord> {
        let Some(before) = self.shared.inner.get(id).await? else {
            return self.retry_in_ledger(id).await;
        };
        if before.state.is_terminal() {
            // The ledger first: an end that is taken back there is never lost, only found again.
            self.reopen(&before, false).await?;
        }
        let retried = self.shared.inner.retry(id).await;
        if let (Err(_), Some(end)) = (&retried, Settlement::of(&before)) {
            self.shared.ledger.settle(&[end], true).await?;
        }
        retried
    }

    async fn snooze(&self, id: JobId, until: Timestamp) -> Result<JobRecord> {
        changes::snooze(&self.shared, id, until).await
    }

    async fn delete(&self, id: JobId) -> Result<()> {
        changes::delete(&self.shared, id).await
    }

    async fn set_payload(&self, id: JobId, payload: Value) -> Result<JobRecord> {
        changes::set_payload(&self.shared, id, payload).await
    }

    async fn set_paused(&self, scope: Scope, paused: bool) -> Result<()> {
        self.shared.inner.set_paused(scope, paused).await
    }

    async fn set_limits(&self, scope: Scope, limits: Limits) -> Result<()> {
        self.shared.inner.set_limits(scope, limits).await
    }

    async fn scopes(&self) -> Result<Vec<ScopeRule>> {
        self.shared.inner.scopes().await
    }

    async fn placement(&self, id: JobId) -> Result<Option<Placement>> {
        self.shared.inner.placement(id).await
    }

    async fn ready(&self) -> Result<Vec<ReadyJobs>> {
        self.shared.inner.ready().await
    }

    async fn report_worker(&self, info: &WorkerInfo, ttl: Duration) -> Result<()> {
        self.shared.inner.report_worker(info, ttl).await
    }

    async fn workers(&self) -> Result<Vec<WorkerInfo>> {
        self.shared.inner.workers().await
    }

    async fn get(&self, id: JobId) -> Result<Option<JobRecord>> {
        history::get(&self.shared, id).await
    }

    async fn list(
        &self,
        filter: &JobFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<JobRecord>> {
        history::list(&self.shared, filter, cursor, limit).await
    }

    async fn counts(&self, filter: &JobFilter) -> Result<Vec<(JobState, u64)>> {
        history::counts(&self.shared, filter).await
    }

    async fn queues(&self) -> Result<Vec<QueueStats>> {
        self.shared.inner.queues().await
    }

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<JobEvent>> {
        self.shared.inner.events(after, limit).await
    }

    async fn prune(&self, retention: &Retention, limit: usize) -> Result<usize> {
        let shared = &self.shared;
        // A job that is pruned here before its end is written would be taken for a forgotten one and run again; so
        // nothing is pruned while SQL is away.
        shared.flush().await?;
        let own = shared.options.retention.as_ref().unwrap_or(retention);
        let remembered = shared.ledger.prune(own, shared.clock.now(), limit).await?;
        let dispatched = shared.inner.prune(retention, limit).await?;
        Ok(remembered.max(dispatched))
    }

    async fn audit(&self) -> Result<Audit> {
        let sums = self.shared.ledger.sums().await?;
        Ok(Audit {
            accepted: sums.accepted,
            pruned: sums.pruned,
            present: sums.present(),
            unaccounted: sums.accepted as i64 - sums.pruned as i64 - sums.present() as i64,
        })
    }

    async fn wait_ready(&self, queues: &[String], timeout: Duration) {
        self.shared.inner.wait_ready(queues, timeout).await;
    }

    async fn ping(&self) -> Result<()> {
        self.shared.inner.ping().await?;
        self.shared.ledger.ping().await
    }
}
