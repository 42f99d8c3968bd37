//! One operation on every job that a filter means, over any [`Broker`].
//!
//! The list is walked from the newest job backwards, page by page, so memory does not grow with the number of jobs. What
//! is submitted after the walk has begun stands before its beginning and is not touched. Each job is asked for by itself,
//! so a job that has changed meanwhile is refused by the broker, not overwritten.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Broker, Error, JobId, JobRecord, JobState, Result,
    broker::JobFilter,
    job::Backoff,
    retry,
    state::{Event, next},
};

/// Jobs that are changed at the same time.
const AT_A_TIME: usize = 32;
/// Jobs of one page.
const PAGE: usize = 1_000;
/// How often a call that found no broker is repeated.
const MAX_TRIES: u32 = 6;

/// What to do with each job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", content = "until", rename_all = "snake_case")]
pub enum Operation {
    /// [`Broker::retry`]: ended jobs run again, those that wait for their time run now.
    Retry,
    /// [`Broker::retry`] of those that wait for their time; ended jobs are refused.
    Promote,
    /// [`Broker::cancel`].
    Cancel,
    /// [`Broker::delete`].
    Delete,
    /// [`Broker::snooze`].
    Snooze(Timestamp),
}

impl Operation {
    /// Tells whether a job in this state would be changed.
    fn applies_to(self, state: JobState) -> bool {
        let event = match self {
            Self::Promote if state.is_terminal() => return false,
            Self::Retry | Self::Promote => Event::Retry,
            Self::Cancel => Event::Cancel,
            Self::Delete => Event::Prune,
            Self::Snooze(_) => Event::Snooze,
        };
        next(state, event).is_some()
    }

    async fn run(self, broker: &dyn Broker, id: JobId) -> Result<()> {
        match self {
            Self::Retry | Self::Promote => broker.retry(id).await.map(drop),
            Self::Cancel => broker.cancel(id).await.map(drop),
            Self::Delete => broker.delete(id).await,
            Self::Snooze(until) => broker.snooze(id, until).await.map(drop),
        }
    }
}

/// What an operation by filter did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationReport {
    /// Nothing was changed: the numbers are what would have been.
    pub dry_run: bool,
    /// Jobs that the filter means.
    pub matched: u64,
    /// Jobs that were changed, or told to end.
    pub changed: u64,
    /// Jobs that were not, by [`Error::code`].
    pub refused: BTreeMap<String, u64>,
}

impl OperationReport {
    fn note(&mut self, outcome: Result<()>) -> Result<()> {
        self.matched += 1;
        match outcome {
            Ok(()) => self.changed += 1,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => *self.refused.entry(error.code().to_owned()).or_default() += 1,
        }
        Ok(())
    }
}

/// Does one thing with every job that `filter` means. `progress` is told after each page.
///
/// With `dry_run` nothing changes, and the report says by the jobs' states what would.
///
/// # Errors
/// [`Error::Unavailable`] where the broker stays away: what `progress` was told last has been done, and repeating the
/// call does the rest. [`Error::Invalid`] for a filter the broker does not take.
pub async fn operate(
    broker: &Arc<dyn Broker>,
    filter: &JobFilter,
    operation: Operation,
    dry_run: bool,
    progress: impl FnMut(&OperationReport) + Send,
) -> Result<OperationReport> {
    let act = move |broker: Arc<dyn Broker>, job: JobRecord| {
        let (id, state) = (job.id(), job.state);
        let applies = operation.applies_to(state);
        let act = async move {
            if !applies {
                return Err(Error::Conflict {
                    id,
                    state,
                    verb: "operate",
                });
            }
            if dry_run {
                return Ok(());
            }
            persist(|| operation.run(&*broker, id).boxed()).await
        };
        act.boxed()
    };
    let report = OperationReport {
        dry_run,
        ..OperationReport::default()
    };
    walk(broker, filter, report, act, progress).await
}

/// Empties a queue: what waits is cancelled and deleted, what has ended is deleted, what runs is told to stop and ends as
/// its handler obeys. Jobs submitted after the call began stay.
///
/// # Errors
/// As [`operate`].
pub async fn purge(
    broker: &Arc<dyn Broker>,
    queue: &str,
    dry_run: bool,
    progress: impl FnMut(&OperationReport) + Send,
) -> Result<OperationReport> {
    let filter = JobFilter {
        queue: Some(queue.to_owned()),
        ..JobFilter::default()
    };
    let act = move |broker: Arc<dyn Broker>, job: JobRecord| {
        let act = async move {
            if dry_run {
                return Ok(());
            }
            let id = job.id();
            let mut state = job.state;
            if !state.is_terminal() {
                match persist(|| broker.cancel(id)).await {
                    Ok(record) => state = record.state,
                    // It has ended in between.
                    Err(Error::Conflict { .. }) => state = JobState::Completed,
                    Err(error) => return Err(error),
                }
            }
            if state.is_terminal() {
                persist(|| broker.delete(id)).await?;
            }
            Ok(())
        };
        act.boxed()
    };
    let report = OperationReport {
        dry_run,
        ..OperationReport::default()
    };
    walk(broker, &filter, report, act, progress).await
}

/// Walks over what there was when it began.
async fn walk(
    broker: &Arc<dyn Broker>,
    filter: &JobFilter,
    mut report: OperationReport,
    act: impl Fn(Arc<dyn Broker>, JobRecord) -> BoxFuture<'static, Result<()>> + Send + Sync,
    mut progress: impl FnMut(&OperationReport) + Send,
) -> Result<OperationReport> {
    // A broker that keeps jobs by state may find one on a later page that came after the first.
    let mut newest: Option<Timestamp> = None;
    let mut cursor: Option<String> = None;
    loop {
        let page = persist(|| broker.list(filter, cursor.as_deref(), PAGE)).await?;
        let jobs = page.items.into_iter().filter(|job| {
            let newest = *newest.get_or_insert(job.submitted_at);
            job.submitted_at <= newest
        });
        let jobs: Vec<_> = jobs.map(|job| act(Arc::clone(broker), job)).collect();
        let mut outcomes = stream::iter(jobs).buffer_unordered(AT_A_TIME);
        while let Some(outcome) = outcomes.next().await {
            report.note(outcome)?;
        }
        progress(&report);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(report);
        }
    }
}

/// Repeats a call for a while where the broker does not answer.
pub(crate) async fn persist<'a, T>(
    call: impl Fn() -> BoxFuture<'a, Result<T>> + Send,
) -> Result<T> {
    let backoff = Backoff {
        base_ms: 50,
        max_ms: 2_000,
    };
    let mut tries = 0;
    loop {
        match call().await {
            Err(error) if error.is_transient() && tries < MAX_TRIES => {
                tries += 1;
                let wait = retry::bound_ms(backoff, tries);
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            answer => return answer,
        }
    }
}
