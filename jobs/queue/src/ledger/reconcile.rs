//! The reconciler: makes broker and ledger agree again after anything that came between them.
//!
//! It reads rows that are not settled, in the order of acceptance, and gives them to the broker by
//! [`crate::Broker::readmit`], which answers for each in one call what it is: forgotten (then it is dispatched by that
//! very call), live, or ended (then the row is settled). Giving a job twice changes nothing, so two reconcilers do no harm.
//!
//! [`run`] does little while all is well: it follows the events for ends that nobody reported to this process, asks for
//! a few jobs by name, and walks on by one chunk. When one of the few is unknown, or a submit did not reach the broker, it
//! walks through all rows at once.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{
    LedgerBroker,
    broker::Shared,
    contract::Settlement,
    entry::StoredJob,
    lookup,
    settle::{Item, Look},
};
use crate::{
    DeadReason, JobId, JobState, Result,
    broker::Verdict,
    job::{AttemptError, ErrorClass},
    outcome::JobError,
    runtime::{Observer, maintenance::Pace},
};

/// Rows of one call to the broker, and their JSON.
const MAX_CHUNK: usize = 1_000;
const MAX_CHUNK_BYTES: usize = 8 << 20;
/// Jobs asked for by name to see whether the broker has lost any: so many of the oldest and of the newest.
const PROBES: usize = 8;
/// Events of one call.
const EVENTS: usize = 1_000;

/// What a reconciliation did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// Jobs the broker had forgotten and has again.
    pub redispatched: usize,
    /// Rows that are settled now.
    pub settled: usize,
    /// Rows that were looked at.
    pub examined: usize,
}

impl Reconciled {
    fn add(&mut self, other: Self) {
        self.redispatched += other.redispatched;
        self.settled += other.settled;
        self.examined += other.examined;
    }
}

/// How far the walk has come.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    after: i64,
}

impl LedgerBroker {
    /// Looks at the next rows, at most `limit`, beginning again after the last one.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when broker or ledger do not answer: what was done before stays done.
    pub async fn reconcile(&self, limit: usize) -> Result<Reconciled> {
        let mut cursor = self.shared.cursor.lock().await;
        self.shared.walk(&mut cursor, limit).await
    }

    /// Looks at all rows.
    ///
    /// # Errors
    /// As [`LedgerBroker::reconcile`].
    pub async fn reconcile_all(&self) -> Result<Reconciled> {
        self.shared.walk(&mut Cursor::default(), usize::MAX).await
    }
}

impl Shared {
    /// Walks on until `limit` rows were looked at or the last one was; then the cursor is at the beginning.
    async fn walk(&self, cursor: &mut Cursor, limit: usize) -> Result<Reconciled> {
        // An end that only waits to be written is not to be taken for a forgotten job.
        self.flush().await?;
        let mut total = Reconciled::default();
        while total.examined < limit {
            let wanted = MAX_CHUNK.min(limit - total.examined);
            let mut rows = self.ledger.open_after(cursor.after, wanted).await?;
            let mut last = rows.len() < wanted;
            // The submit of a younger one may still be on its way; and no later one may overtake what it depends on.
            let now = self.clock.now();
            let old = rows.iter().take_while(|row| self.is_overdue(row, now));
            let old = old.count();
            last |= old < rows.len();
            rows.truncate(old);
            for part in by_bytes(&rows) {
                total.add(self.compare(part).await?);
                cursor.after = part.last().map_or(cursor.after, |row| row.seq);
            }
            if last {
                cursor.after = 0;
                break;
            }
        }
        Ok(total)
    }

    pub(super) fn is_overdue(&self, row: &StoredJob, now: Timestamp) -> bool {
        // An instant ahead is another machine's clock, which must not hold up what comes after.
        let age = now.duration_since(row.submitted_at()).unsigned_abs();
        age >= self.options.grace
    }

    /// Gives rows to the broker and does what its verdicts mean.
    async fn compare(&self, rows: &[StoredJob]) -> Result<Reconciled> {
        let mut given = Vec::with_capacity(rows.len());
        let mut jobs = Vec::with_capacity(rows.len());
        for row in rows {
            match self.readmission(row) {
                Ok(readmission) => {
                    given.push(row);
                    jobs.push(readmission);
                }
                Err(error) => {
                    tracing::error!(job.id = %row.id, error = %error, "ledger row cannot be dispatched");
                }
            }
        }
        let verdicts = self.inner.readmit(jobs).await?;
        let mut forgotten = Vec::new();
        let mut ended = Vec::new();
        let mut refused = Vec::new();
        for (row, verdict) in given.into_iter().zip(verdicts) {
            let id = row.job_id();
            match verdict {
                Verdict::Accepted { .. } => forgotten.push(row),
                Verdict::Duplicate { id: there, state } if there == id => {
                    if state.is_terminal() {
                        ended.push((id, state));
                    }
                }
                other => refused.push((id, other)),
            }
        }
        let settled = self.settle_ended(&ended).await? + self.settle_refused(&refused).await?;
        Ok(Reconciled {
            redispatched: self.check_forgotten(&forgotten).await?,
            settled,
            examined: rows.len(),
        })
    }

    /// Sees to it that what was dispatched again had not been settled meanwhile. Returns how many were right.
    async fn check_forgotten(&self, forgotten: &[&StoredJob]) -> Result<usize> {
        if forgotten.is_empty() {
            return Ok(0);
        }
        let counted: Vec<_> = forgotten
            .iter()
            .filter(|row| row.epoch() > 0)
            .map(|row| row.job_id())
            .collect();
        if !counted.is_empty() {
            self.ledger.forget_epochs(&counted).await?;
        }
        let ids: Vec<_> = forgotten.iter().map(|row| row.job_id()).collect();
        let open = self.ledger.still_open(&ids).await?;
        let wrong = ids.iter().filter(|id| !open.contains(id));
        for id in wrong.take(ids.len() - open.len()) {
            if let Err(error) = self.inner.cancel(*id).await {
                tracing::warn!(job.id = %id, error = %error, "job that ended meanwhile was dispatched again and not stopped");
            }
        }
        tracing::warn!(
            jobs = open.len(),
            "jobs that the broker did not know were dispatched again"
        );
        Ok(open.len())
    }

    async fn settle_ended(&self, ended: &[(JobId, JobState)]) -> Result<usize> {
        let records = lookup::all(&self.inner, ended.iter().map(|(id, _)| *id)).await?;
        let ends: Vec<_> = records
            .into_iter()
            .zip(ended)
            .filter_map(|((id, record), (_, state))| match record {
                // A job that runs again by now is not ended.
                Some(record) => Settlement::of(&record),
                None => Some(Settlement::bare(id, *state, 0, self.clock.now())),
            })
            .collect();
        if ends.is_empty() {
            return Ok(0);
        }
        // Force: a retry that took back this very end and died before it reached the broker left the row open.
        Ok(self.ledger.settle(&ends, true).await? as usize)
    }

    /// Ends jobs that the broker will never have: another one holds their unique key there, or its limits are tighter.
    async fn settle_refused(&self, refused: &[(JobId, Verdict)]) -> Result<usize> {
        if refused.is_empty() {
            return Ok(0);
        }
        let now = self.clock.now();
        let ends: Vec<_> = refused
            .iter()
            .map(|(id, verdict)| {
                let message = match verdict {
                    Verdict::Rejected { message, .. } => message.clone(),
                    Verdict::Duplicate { id, .. } | Verdict::Conflict { id } => {
                        format!("job `{id}` holds its unique key")
                    }
                    Verdict::Accepted { .. } => String::new(),
                };
                let mut end = Settlement::bare(*id, JobState::Dead, 0, now);
                end.dead_reason = Some(DeadReason::Rejected);
                end.errors = vec![AttemptError {
                    attempt: 0,
                    class: ErrorClass::Rejected,
                    error: JobError::new("job.refused", message),
                    worker: None,
                    at: now,
                }];
                end
            })
            .collect();
        Ok(self.ledger.settle(&ends, false).await? as usize)
    }

    /// Reads events and looks at the jobs they say have ended: other processes end jobs too.
    pub(super) async fn follow_events(&self) -> Result<()> {
        let mut after = self.events.lock().await;
        loop {
            let events = self.inner.events(*after, EVENTS).await?;
            let ended = events.iter().filter(|event| event.state.is_terminal());
            self.settler.push(ended.map(|event| {
                Item::Look(Look {
                    id: event.job_id,
                    known: None,
                })
            }));
            *after = events.last().map_or(*after, |event| event.seq);
            if events.len() < EVENTS {
                return Ok(());
            }
        }
    }

    /// Tells whether the broker has lost jobs, by asking for a few: it was emptied, or its tail was cut off.
    async fn has_lost_jobs(&self) -> Result<bool> {
        let now = self.clock.now();
        let grace = SignedDuration::try_from(self.options.grace).unwrap_or(SignedDuration::MAX);
        let before = now.checked_sub(grace).unwrap_or(Timestamp::MIN);
        let oldest = self.ledger.open_after(0, PROBES).await?;
        let mut ids = self.ledger.newest_open(before, PROBES).await?;
        ids.extend(
            oldest
                .iter()
                .filter(|row| self.is_overdue(row, now))
                .map(StoredJob::job_id),
        );
        let missing: Vec<_> = lookup::all(&self.inner, ids)
            .await?
            .into_iter()
            .filter(|(_, record)| record.is_none())
            .map(|(id, _)| id)
            .collect();
        // One that was settled since is not missed.
        Ok(!missing.is_empty() && !self.ledger.still_open(&missing).await?.is_empty())
    }

    /// One step of [`run`].
    async fn step(&self, batch: usize) -> Result<usize> {
        self.follow_events().await?;
        if self.has_lost_jobs().await? {
            // Its events begin anew as well.
            *self.events.lock().await = 0;
            self.fell_behind();
        }
        let done = match self.behind_since() {
            Some(since) => {
                let begun = self.clock.now();
                let done = self.walk(&mut Cursor::default(), usize::MAX).await?;
                let waited = begun.duration_since(since).unsigned_abs();
                if waited >= self.options.grace {
                    self.caught_up(since);
                }
                done
            }
            None => self.walk(&mut *self.cursor.lock().await, batch).await?,
        };
        Ok(done.redispatched + done.settled)
    }
}

/// Reconciles until `stop` fires: every `interval` at most `batch` rows, all of them when jobs were lost.
pub async fn run(
    broker: LedgerBroker,
    interval: Duration,
    batch: usize,
    observer: Arc<dyn Observer>,
    stop: CancellationToken,
) {
    let mut pace = Pace::new("reconcile", interval, batch, observer, stop);
    while pace.next().await {
        pace.stepped(broker.shared.step(batch).await);
    }
}

/// Cuts rows into parts of bounded size.
fn by_bytes(rows: &[StoredJob]) -> impl Iterator<Item = &[StoredJob]> {
    let mut bytes = 0;
    rows.chunk_by(move |_, next| {
        bytes += next.bytes();
        let fits = bytes <= MAX_CHUNK_BYTES;
        if !fits {
            bytes = 0;
        }
        fits
    })
}
