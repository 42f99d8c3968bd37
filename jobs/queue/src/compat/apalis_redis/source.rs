//! One of their queues, and the steps of draining it.

use std::{collections::HashSet, time::Duration};

use apalis_redis::queries::CompactTask;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    Drained,
    mapping::job_of,
    settings::ApalisQueue,
    store::{End, RawId, Settlement, Store},
};
use crate::{Broker, Error, Result, broker::Verdict};

/// How often a drain looks for lost workers.
const ORPHAN_CHECK: Duration = Duration::from_secs(10);

/// One of their queues, ready to be drained.
pub struct Source {
    settings: ApalisQueue,
    store: Store,
    /// When the hand-over was last seen in order; `None` when there was no drain yet, or the last one was cut off.
    pub(super) looked_back_at: Option<Instant>,
    orphans_checked_at: Option<Instant>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// A task that is handed over.
struct Taken {
    id: RawId,
    /// The second it runs at; 0 is now.
    at: f64,
    task: Result<CompactTask, String>,
}

impl Source {
    /// Prepares a queue. Connects with the first drain, so that a process can start before their server does.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting that cannot work.
    pub fn new(settings: ApalisQueue) -> Result<Self> {
        settings.check()?;
        Ok(Self {
            store: Store::new(&settings)?,
            settings,
            looked_back_at: None,
            orphans_checked_at: None,
        })
    }

    /// Returns its settings.
    pub fn settings(&self) -> &ApalisQueue {
        &self.settings
    }

    /// Ends this source's worker in their queue, and gives back what it holds. Without it, that takes
    /// [`ApalisQueue::orphaned_after_s`].
    ///
    /// # Errors
    /// [`Error::Unavailable`] when their server does not answer.
    pub async fn leave(&mut self) -> Result<()> {
        self.store.leave(self.settings.batch).await
    }

    /// Submits what an earlier drain has handed over and not settled, be it this process's or another's.
    pub(super) async fn look_back(&mut self, broker: &dyn Broker) -> Result<Drained> {
        let mut drained = Drained::default();
        // A drain in another process adds to it meanwhile, and settles that by itself: what is there now is enough.
        let mut left = self.store.unsettled().await?;
        while left > 0 {
            let limit = left.min(self.settings.batch);
            let entries = self.store.handed_over(limit).await?;
            if entries.is_empty() {
                break;
            }
            left = left.saturating_sub(entries.len());
            let ids: Vec<_> = entries.iter().map(|(id, _)| id).collect();
            let tasks = self.store.read(&ids).await?;
            let taken = entries.into_iter().zip(tasks);
            let taken = taken.map(|((id, at), task)| Taken { id, at, task });
            drained.add(self.submit(taken.collect(), broker).await?);
        }
        Ok(drained)
    }

    /// Moves one batch; `None` when there was nothing to take.
    pub(super) async fn step(&mut self, broker: &dyn Broker) -> Result<Option<Drained>> {
        let claimed = self.store.claim(self.settings.batch).await?;
        if claimed.due.is_empty() && claimed.later.is_empty() {
            return Ok(None);
        }
        let later = claimed.later.iter().map(|(id, _)| id);
        let ids: Vec<_> = claimed.due.iter().chain(later).collect();
        let tasks = self.store.read(&ids).await?;
        let mut ours: HashSet<RawId> = claimed.later.iter().map(|(id, _)| id.clone()).collect();
        if !claimed.due.is_empty() {
            ours.extend(self.store.hand_over(&claimed.due).await?);
        }
        let due = claimed.due.into_iter().map(|id| (id, 0.0));
        let taken = due.chain(claimed.later).zip(tasks);
        let taken = taken
            .map(|((id, at), task)| Taken { id, at, task })
            .filter(|taken| ours.contains(&taken.id));
        let taken = taken.collect();
        self.submit(taken, broker).await.map(Some)
    }

    /// Submits tasks that are handed over, and settles them.
    async fn submit(&mut self, taken: Vec<Taken>, broker: &dyn Broker) -> Result<Drained> {
        let mut drained = Drained::default();
        let mut settlements = Vec::with_capacity(taken.len());
        let (mut submitted, mut jobs) = (Vec::new(), Vec::new());
        for Taken { id, at, task } in taken {
            match task.and_then(|task| job_of(&id, &task, run_at(at), &self.settings)) {
                Ok(job) => {
                    submitted.push(id);
                    jobs.push(job);
                }
                Err(reason) => settlements.push(self.dead(id, reason)),
            }
        }
        let verdicts = if jobs.is_empty() {
            Vec::new()
        } else {
            broker.submit(jobs, false).await?
        };
        if verdicts.len() != submitted.len() {
            return Err(Error::Corrupt(format!(
                "a submit of {} jobs had {} verdicts",
                submitted.len(),
                verdicts.len()
            )));
        }
        for (id, verdict) in submitted.into_iter().zip(verdicts) {
            settlements.push(match verdict {
                Verdict::Accepted { id: job } => {
                    drained.moved += 1;
                    Settlement::done(id, job)
                }
                Verdict::Duplicate { id: job, .. } => {
                    drained.repeated += 1;
                    Settlement::done(id, job)
                }
                Verdict::Conflict { id: job } => {
                    let why = "came from a task with the same id and another payload";
                    self.dead(id, format!("job `{job}` {why}"))
                }
                Verdict::Rejected { code, message } => self.dead(id, format!("{code}: {message}")),
            });
        }
        drained.dead = settlements
            .iter()
            .filter(|end| Settlement::is_dead(end))
            .count();
        self.store.settle(&settlements).await?;
        Ok(drained)
    }

    /// Says why a task can become no job.
    fn dead(&self, id: RawId, reason: String) -> Settlement {
        tracing::warn!(
            task.id = %String::from_utf8_lossy(&id),
            queue.name = self.settings.queue,
            reason,
            "apalis task can become no job; it goes to its dead set"
        );
        Settlement {
            id,
            end: End::Dead(reason),
        }
    }

    pub(super) async fn give_back_orphans(&mut self) -> Result<()> {
        let checked = self.orphans_checked_at;
        if checked.is_some_and(|at| at.elapsed() < ORPHAN_CHECK) {
            return Ok(());
        }
        let age_s = self.settings.orphaned_after_s;
        let batch = self.settings.batch;
        let given = self.store.give_back_orphans(age_s, batch).await?;
        if given > 0 {
            tracing::warn!(
                queue.name = self.settings.queue,
                tasks = given,
                "apalis tasks were taken back from lost workers"
            );
        }
        self.orphans_checked_at = Some(Instant::now());
        Ok(())
    }
}

/// Reads a score of `Q:scheduled`. What is beyond the calendar runs on its last day.
fn run_at(at: f64) -> Option<Timestamp> {
    (at > 0.0).then(|| Timestamp::from_second(at as i64).unwrap_or(Timestamp::MAX))
}
