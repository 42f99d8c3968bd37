//! Lists: the newest first, over all queues.
//!
//! Each queue is walked from its newest job backwards, along the log of submits; where a filter names states that few
//! jobs are in, along those jobs instead. A cursor says for each queue where its walk goes on.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CHUNK, Shared, codec, inspect::with_zeros, reply, scripts};
use crate::{
    Error, JobId, JobRecord, JobState, Result,
    broker::{JobFilter, Page},
};

/// The longest page.
const MAX_PAGE: usize = 1_000;
/// Jobs that one call looks at; a page that found too few by then goes on with the next call.
const MAX_LOOKED_AT: usize = 50_000;
/// States with at most this many jobs are read whole.
const FEW: u64 = 5_000;

/// Where the walk through one queue stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    queue: String,
    /// `log`, `old`, the letters of states, or `end`.
    source: String,
    /// Where the present chunk of the source begins, as `page.lua` says it.
    from: String,
    /// Jobs of that chunk up to this one have been given out.
    after: Option<JobId>,
}

fn write_cursor(positions: &[Position]) -> String {
    let json = serde_json::to_vec(positions).unwrap_or_default();
    json.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn read_cursor(cursor: &str) -> Result<Vec<Position>> {
    let bad = || Error::Invalid(format!("cursor `{cursor}` is not one that a page returned"));
    let bytes: Option<Vec<u8>> = (0..cursor.len())
        .step_by(2)
        .map(|at| {
            cursor
                .get(at..at + 2)
                .and_then(|hex| u8::from_str_radix(hex, 16).ok())
        })
        .collect();
    serde_json::from_slice(&bytes.ok_or_else(bad)?).map_err(|_| bad())
}

/// One queue's walk: its position, and what was read beyond it.
struct Walk {
    position: Position,
    /// Matching jobs that were read, each with where the walk stands once it is given out.
    ready: VecDeque<(JobRecord, Position)>,
    /// Where the walk stands when `ready` is empty.
    beyond: Position,
}

fn matches(filter: &JobFilter, job: &JobRecord) -> bool {
    let is =
        |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
    let error = job.errors.last().map(|error| error.error.code.as_str());
    (filter.states.is_empty() || filter.states.contains(&job.state))
        && is(&filter.queue, &job.spec.queue)
        && is(&filter.kind, &job.spec.kind)
        && is(&filter.tenant, &job.spec.tenant)
        && filter
            .tag
            .as_ref()
            .is_none_or(|tag| job.spec.tags.contains(tag))
        && filter
            .error_code
            .as_deref()
            .is_none_or(|code| error == Some(code))
        && filter
            .submitted_after
            .is_none_or(|at| job.submitted_at >= at)
        && filter
            .submitted_before
            .is_none_or(|at| job.submitted_at < at)
}

impl Shared {
    /// See [`crate::Broker::list`].
    pub(super) async fn list(
        &self,
        filter: &JobFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<JobRecord>> {
        let limit = limit.clamp(1, MAX_PAGE);
        let positions = match cursor {
            Some(cursor) => read_cursor(cursor)?,
            None => self.beginnings(filter).await?,
        };
        let mut walks: Vec<Walk> = positions
            .into_iter()
            .map(|position| Walk {
                beyond: position.clone(),
                position,
                ready: VecDeque::new(),
            })
            .collect();
        let mut items = Vec::with_capacity(limit);
        let mut looked_at = 0;
        'page: while items.len() < limit {
            for walk in &mut walks {
                while walk.ready.is_empty() && walk.beyond.source != "end" {
                    if looked_at >= MAX_LOOKED_AT {
                        break 'page;
                    }
                    looked_at += self.read_on(filter, walk).await?;
                }
            }
            let newest = walks
                .iter_mut()
                .filter(|walk| !walk.ready.is_empty())
                .max_by_key(|walk| walk.ready.front().map(|(job, _)| age_key(job)));
            let Some(walk) = newest else {
                break;
            };
            if let Some((job, position)) = walk.ready.pop_front() {
                walk.position = position;
                items.push(job);
            }
        }
        let positions: Vec<_> = walks
            .into_iter()
            .map(|walk| {
                if walk.ready.is_empty() {
                    walk.beyond
                } else {
                    walk.position
                }
            })
            .filter(|position| position.source != "end")
            .collect();
        Ok(Page {
            items,
            next_cursor: (!positions.is_empty()).then(|| write_cursor(&positions)),
        })
    }

    /// Where the walks of a filter begin.
    async fn beginnings(&self, filter: &JobFilter) -> Result<Vec<Position>> {
        let letters: String = filter
            .states
            .iter()
            .map(|s| codec::letter_of_state(*s))
            .collect();
        let indexed = !letters.is_empty() && letters.chars().all(|c| "Rstcxd".contains(c));
        let mut positions = Vec::new();
        for queue in self.queues_of(filter).await? {
            let of_queue = JobFilter {
                states: filter.states.clone(),
                queue: Some(queue.clone()),
                ..JobFilter::default()
            };
            let few = indexed && self.counted(&of_queue).await?.values().sum::<u64>() <= FEW;
            positions.push(Position {
                queue,
                source: if few {
                    letters.clone()
                } else {
                    "log".to_owned()
                },
                from: String::new(),
                after: None,
            });
        }
        Ok(positions)
    }

    /// Reads the next chunk of a walk. Returns how many jobs were looked at, at least 1.
    async fn read_on(&self, filter: &JobFilter, walk: &mut Walk) -> Result<usize> {
        let here = walk.beyond.clone();
        let states = here.source != "log" && here.source != "old";
        let mut arguments = self.arguments();
        arguments
            .push(&here.source)
            .push(&here.from)
            .push_number(if states { 10 * CHUNK } else { CHUNK });
        let answer = self
            .link
            .eval(&scripts::PAGE, &here.queue, &arguments, true)
            .await?;
        let [next, ids] = reply::parts(answer)?;
        let next = reply::text(next)?;
        let mut ids = reply::array(ids)?
            .into_iter()
            .map(|id| codec::read_id(&reply::bytes(id)?))
            .collect::<Result<Vec<_>>>()?;
        if states {
            ids.sort_unstable();
            ids.dedup();
        }
        if here.source != "old" {
            ids.reverse();
        }
        if let Some(after) = here.after {
            match ids.iter().position(|id| *id == after) {
                Some(at) => drop(ids.drain(..=at)),
                // It has gone since; ids sort by time.
                None if states => ids.retain(|id| *id < after),
                None => {}
            }
        }
        let at = |source: &str, from: String, after| Position {
            queue: here.queue.clone(),
            source: source.to_owned(),
            from,
            after,
        };
        walk.beyond = match (here.source.as_str(), next.is_empty()) {
            ("log" | "old", false) => at(&here.source, next, None),
            ("log", true) => at("old", String::new(), None),
            _ => at("end", String::new(), None),
        };
        let looked_at = ids.len().max(1);
        let mut too_old = false;
        for ids in ids.chunks(CHUNK) {
            for job in self.get_many(&here.queue, ids).await?.into_iter().flatten() {
                too_old |= filter
                    .submitted_after
                    .is_some_and(|at| job.submitted_at < at);
                if matches(filter, &job) {
                    let position = at(&here.source, here.from.clone(), Some(job.id()));
                    walk.ready.push_back((job, position));
                }
            }
        }
        if too_old && !states {
            walk.beyond = at("end", String::new(), None);
        }
        if walk.ready.is_empty() {
            walk.position = walk.beyond.clone();
        }
        Ok(looked_at)
    }

    /// See [`crate::Broker::counts`]. What the counters know costs no walk.
    pub(super) async fn counts(&self, filter: &JobFilter) -> Result<Vec<(JobState, u64)>> {
        let walk = filter.tag.is_some()
            || filter.error_code.is_some()
            || filter.submitted_after.is_some()
            || filter.submitted_before.is_some();
        if !walk {
            return Ok(with_zeros(&self.counted(filter).await?));
        }
        let mut counts = BTreeMap::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self.list(filter, cursor.as_deref(), MAX_PAGE).await?;
            for job in page.items {
                *counts.entry(job.state).or_default() += 1;
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(with_zeros(&counts));
            }
        }
    }
}

fn age_key(job: &JobRecord) -> (Timestamp, JobId) {
    (job.submitted_at, job.id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back() {
        let positions = vec![Position {
            queue: "文档".to_owned(),
            source: "log".to_owned(),
            from: "12".to_owned(),
            after: Some(JobId::new()),
        }];
        assert_eq!(read_cursor(&write_cursor(&positions)).unwrap(), positions);
        for bad in ["no cursor", "7b", "é"] {
            assert!(matches!(read_cursor(bad), Err(Error::Invalid(_))), "{bad}");
        }
    }
}
