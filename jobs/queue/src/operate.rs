//! One operation on every job that a filter means, over any [`Broker`].
//!
//! The list is walked from the newest job backwards, page by page, so memory does not grow with the number of jobs. What
//! is submitted after the walk has begun stands before its beginning and is not touched. Each job is asked for by itself,
//! so a job that has changed meanwhile is refused by the broker, not overwritten.

use std::{
    collections::BTreeMap,
    fmt,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

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

/// Where a walk stopped: text that a client may keep and hand back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Jobs submitted later are not meant.
    newest: Timestamp,
    cursor: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.newest.as_millisecond(), self.cursor)
    }
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('.');
        let place = parts.and_then(|(newest, cursor)| {
            Some(Self {
                newest: Timestamp::from_millisecond(newest.parse().ok()?).ok()?,
                cursor: cursor.to_owned(),
            })
        });
        place.ok_or_else(|| Error::Invalid(format!("`{text}` is no place where a walk stopped")))
    }
}

/// How far a call walks, and who hears of it.
pub struct Extent<'a> {
    /// Where it begins; `None` for the newest job.
    pub from: Option<Place>,
    /// It ends with the page during which this time is over; `None` for the last page.
    pub budget: Option<Duration>,
    /// Told after each page.
    pub progress: &'a mut (dyn FnMut(&OperationReport) + Send),
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
    mut progress: impl FnMut(&OperationReport) + Send,
) -> Result<OperationReport> {
    let extent = Extent {
        from: None,
        budget: None,
        progress: &mut progress,
    };
    let (report, _) = operate_within(broker, filter, operation, dry_run, extent).await?;
    Ok(report)
}

/// As [`operate`], but no further than `extent`; returns what this call did and where the next one goes on, `None` at the
/// end.
///
/// # Errors
/// As [`operate`].
pub async fn operate_within(
    broker: &Arc<dyn Broker>,
    filter: &JobFilter,
    operation: Operation,
    dry_run: bool,
    extent: Extent<'_>,
) -> Result<(OperationReport, Option<Place>)> {
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
    walk(broker, filter, report, act, extent).await
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
    mut progress: impl FnMut(&OperationReport) + Send,
) -> Result<OperationReport> {
    let extent = Extent {
        from: None,
        budget: None,
        progress: &mut progress,
    };
    let (report, _) = purge_within(broker, queue, dry_run, extent).await?;
    Ok(report)
}

/// As [`purge`], but no further than `extent`; returns what this call did and where the next one goes on, `None` at the end.
///
/// # Errors
/// As [`operate`].
pub async fn purge_within(
    broker: &Arc<dyn Broker>,
    queue: &str,
    dry_run: bool,
    extent: Extent<'_>,
) -> Result<(OperationReport, Option<Place>)> {
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
    walk(broker, &filter, report, act, extent).await
}

/// Walks over what there was when it began.
async fn walk(
    broker: &Arc<dyn Broker>,
    filter: &JobFilter,
    mut report: OperationReport,
    act: impl Fn(Arc<dyn Broker>, JobRecord) -> BoxFuture<'static, Result<()>> + Send + Sync,
    extent: Extent<'_>,
) -> Result<(OperationReport, Option<Place>)> {
    let begun = Instant::now();
    // A broker that keeps jobs by state may find one on a later page that came after the first.
    let mut newest = extent.from.as_ref().map(|place| place.newest);
    let mut cursor = extent.from.map(|place| place.cursor);
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
        (extent.progress)(&report);
        let (Some(next), Some(newest)) = (page.next_cursor, newest) else {
            return Ok((report, None));
        };
        if extent
            .budget
            .is_some_and(|budget| begun.elapsed() >= budget)
        {
            let place = Place {
                newest,
                cursor: next,
            };
            return Ok((report, Some(place)));
        }
        cursor = Some(next);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_being_text() {
        let place = Place {
            newest: Timestamp::from_millisecond(1_764_000_000_123).unwrap(),
            cursor: "v1.a:b".to_owned(),
        };
        assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
        for wrong in ["", "x.y", "12"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
