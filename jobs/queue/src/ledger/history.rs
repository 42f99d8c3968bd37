//! Looking at jobs: what lives is the broker's, what it has pruned or forgotten is the ledger's.

use super::{broker::Shared, lookup};
use crate::{
    Error, JobId, JobRecord, JobState, Result,
    broker::{JobFilter, Page},
};

/// The longest page.
const MAX_PAGE: usize = 1_000;
/// Rows one call looks at: those that the broker still has are on its own pages, so a page may come out short.
const MAX_EXAMINED: usize = 1_000;

/// See [`crate::Broker::get`].
pub(super) async fn get(shared: &Shared, id: JobId) -> Result<Option<JobRecord>> {
    let there = shared.inner.get(id).await;
    if let Ok(Some(_)) = there {
        return there;
    }
    let row = shared.ledger.get(id).await?;
    match (there, row) {
        // Where the broker is away, only what has ended is certain.
        (Err(error), row) => match row {
            Some(row) if row.ended()?.is_some() => row.to_record(shared.clock.now()).map(Some),
            _ => Err(error),
        },
        (Ok(_), row) => row.map(|row| row.to_record(shared.clock.now())).transpose(),
    }
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Among the broker's jobs.
    Broker(Option<String>),
    /// Among the ledger's, below this id.
    Ledger(Option<JobId>),
}

impl Place {
    fn read(cursor: Option<&str>) -> Result<Self> {
        let Some(cursor) = cursor else {
            return Ok(Self::Broker(None));
        };
        let unknown =
            || Error::Invalid(format!("cursor `{cursor}` is not one that a page returned"));
        match cursor.split_once(':') {
            Some(("live", place)) => Ok(Self::Broker(Some(place.to_owned()))),
            Some(("past", "")) => Ok(Self::Ledger(None)),
            Some(("past", id)) => id
                .parse()
                .map(|id| Self::Ledger(Some(id)))
                .map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Broker(place) => format!("live:{}", place.as_deref().unwrap_or_default()),
            Self::Ledger(before) => {
                format!(
                    "past:{}",
                    before.map(|id| id.to_string()).unwrap_or_default()
                )
            }
        }
    }
}

/// See [`crate::Broker::list`]. First all that the broker has, newest first, then what only the ledger has, newest first.
pub(super) async fn list(
    shared: &Shared,
    filter: &JobFilter,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page<JobRecord>> {
    let limit = limit.clamp(1, MAX_PAGE);
    let mut items = Vec::new();
    let before = match Place::read(cursor)? {
        Place::Broker(place) => {
            let page = shared.inner.list(filter, place.as_deref(), limit).await?;
            items = page.items;
            if let Some(next) = page.next_cursor {
                return Ok(Page {
                    items,
                    next_cursor: Some(Place::Broker(Some(next)).write()),
                });
            }
            None
        }
        Place::Ledger(before) => before,
    };
    // Only jobs that have ended are in the ledger alone, but for those that are about to be dispatched.
    if !filter.states.is_empty() && !filter.states.iter().any(|state| state.is_terminal()) {
        return Ok(Page {
            items,
            next_cursor: None,
        });
    }
    let next = add_past(shared, filter, before, limit, &mut items).await?;
    Ok(Page {
        items,
        next_cursor: next.map(|place| place.write()),
    })
}

/// Fills a page with ended jobs that the broker no longer has; returns where the next page begins.
async fn add_past(
    shared: &Shared,
    filter: &JobFilter,
    mut before: Option<JobId>,
    limit: usize,
    items: &mut Vec<JobRecord>,
) -> Result<Option<Place>> {
    let mut examined = 0;
    loop {
        if items.len() >= limit || examined >= MAX_EXAMINED {
            let more = !shared.ledger.history(filter, before, 1).await?.is_empty();
            return Ok(more.then_some(Place::Ledger(before)));
        }
        let wanted = (limit - items.len()).min(MAX_EXAMINED - examined);
        let rows = shared.ledger.history(filter, before, wanted).await?;
        examined += rows.len();
        let last = rows.len() < wanted;
        before = rows.last().map(super::StoredJob::job_id).or(before);
        let there = lookup::all(&shared.inner, rows.iter().map(super::StoredJob::job_id)).await?;
        for (row, (_, record)) in rows.iter().zip(there) {
            if record.is_none() {
                items.push(row.to_record(shared.clock.now())?);
            }
        }
        if last {
            return Ok(None);
        }
    }
}

/// See [`crate::Broker::counts`].
///
/// Live jobs are counted by the broker, ended ones by whoever has more of them: the ledger has those that the broker has
/// pruned, the broker those whose end is not written yet. What the ledger has beyond that waits to be dispatched and is
/// counted as ready, so that the sum is always that of all jobs.
pub(super) async fn counts(shared: &Shared, filter: &JobFilter) -> Result<Vec<(JobState, u64)>> {
    let wants_ended =
        filter.states.is_empty() || filter.states.iter().any(|state| state.is_terminal());
    if !wants_ended {
        return shared.inner.counts(filter).await;
    }
    shared.flush().await?;
    let mut counts = shared.inner.counts(filter).await?;
    let rows = shared.ledger.counts(filter).await?;
    let mut total = 0;
    for (ended, count) in rows {
        total += count;
        for (state, shown) in &mut counts {
            if Some(*state) == ended {
                *shown = (*shown).max(count);
            }
        }
    }
    // An error of a live job, or an instant at the edge, may be known to only one of the two.
    let exact = filter.states.is_empty()
        && filter.error_code.is_none()
        && filter.submitted_after.is_none()
        && filter.submitted_before.is_none();
    if exact {
        let shown: u64 = counts.iter().map(|(_, count)| count).sum();
        for (state, count) in &mut counts {
            if *state == JobState::Ready {
                *count += total.saturating_sub(shown);
            }
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_others_are_refused() {
        for place in [
            Place::Broker(Some("12:3".to_owned())),
            Place::Ledger(None),
            Place::Ledger(Some(JobId::new())),
        ] {
            assert_eq!(Place::read(Some(&place.write())).expect("ours"), place);
        }
        for cursor in ["", "12", "past:12", "dead:1"] {
            assert!(Place::read(Some(cursor)).is_err(), "{cursor}");
        }
    }
}
