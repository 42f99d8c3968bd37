//! Verbs that only read.

use std::collections::BTreeMap;

use super::{core::Core, jobs::Stored};
use crate::{
    JobId, JobRecord, JobState, Result,
    broker::{Audit, JobFilter, Page, QueueStats, ReadyJobs, Scope},
    rules::{
        page::{page_limit, read_cursor, with_zeros},
        row::instant,
    },
};

impl Core {
    /// See [`crate::Broker::get`].
    pub(super) fn get(&self, id: JobId) -> Result<Option<JobRecord>> {
        self.jobs.by_id(id).map(Stored::record).transpose()
    }

    /// See [`crate::Broker::list`]. A cursor is the `seq` of the last job of the page before.
    pub(super) fn list(
        &self,
        filter: &JobFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<JobRecord>> {
        let limit = page_limit(limit);
        let before = read_cursor(cursor)?.unwrap_or(i64::MAX);
        let newest_first = self.jobs.before(before).rev().map(|(_, job)| job);
        // One more than asked for tells whether there is a next page.
        let found: Vec<_> = newest_first
            .filter(|job| job.is_meant(filter))
            .take(limit + 1)
            .collect();
        let shown = &found[..limit.min(found.len())];
        let more = found.len() > limit;
        Ok(Page {
            items: shown
                .iter()
                .map(|job| job.record())
                .collect::<Result<_>>()?,
            next_cursor: shown
                .last()
                .filter(|_| more)
                .map(|job| job.row.seq.to_string()),
        })
    }

    /// See [`crate::Broker::counts`]. What the lanes know costs no scan.
    pub(super) fn counts(&self, filter: &JobFilter) -> Vec<(JobState, u64)> {
        let scan = filter.tag.is_some()
            || filter.error_code.is_some()
            || filter.submitted_after.is_some()
            || filter.submitted_before.is_some();
        if !scan {
            return with_zeros(&self.jobs.lanes.counts(filter));
        }
        let mut counts = BTreeMap::new();
        for job in self.jobs.iter().filter(|job| job.is_meant(filter)) {
            *counts.entry(job.row.state).or_default() += 1;
        }
        with_zeros(&counts)
    }

    /// See [`crate::Broker::queues`].
    pub(super) fn queues(&self) -> Vec<QueueStats> {
        let now = self.now();
        let mut queues = BTreeMap::<&str, Queue>::new();
        for lane in self.jobs.lanes.iter() {
            let queue = queues.entry(&lane.queue).or_default();
            for state in JobState::ALL {
                *queue.counts.entry(state).or_default() += lane.count(state);
            }
            let since = lane.ready_since();
            queue.ready_since = match (queue.ready_since, since) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            if let Some(run_time) = self.run_times.get(&lane.kind) {
                queue.backlog_ms += lane.count(JobState::Ready) as f64 * run_time.average_ms;
            }
        }
        let stats = queues.into_iter().map(|(name, queue)| {
            let (paused, limits) = self.scopes.get(&Scope::Queue(name.to_owned()));
            QueueStats {
                queue: name.to_owned(),
                counts: with_zeros(&queue.counts),
                oldest_ready_s: queue
                    .ready_since
                    .map(|since| (now - since).max(0) as f64 / 1e3),
                backlog_s: queue.backlog_ms / 1e3,
                paused,
                limits,
            }
        });
        stats.collect()
    }

    /// See [`crate::Broker::ready`].
    pub(super) fn ready(&self) -> Vec<ReadyJobs> {
        let mut ready: Vec<_> = self
            .jobs
            .lanes
            .iter()
            .filter(|lane| lane.count(JobState::Ready) > 0)
            .map(|lane| ReadyJobs {
                queue: lane.queue.clone(),
                kind: lane.kind.clone(),
                schema_version: lane.schema_version,
                tenant: lane.tenant.clone(),
                jobs: lane.count(JobState::Ready),
                run_ms_avg: self.run_times.get(&lane.kind).map(|time| time.average_ms),
            })
            .collect();
        ready.sort_by(|a, b| {
            let key = |jobs: &ReadyJobs| {
                let ReadyJobs { queue, kind, .. } = jobs.clone();
                (queue, kind, jobs.schema_version, jobs.tenant.clone())
            };
            key(a).cmp(&key(b))
        });
        ready
    }

    /// See [`crate::Broker::audit`].
    pub(super) fn audit(&self) -> Audit {
        let present = self.jobs.len() as u64;
        Audit {
            accepted: self.accepted,
            pruned: self.pruned,
            present,
            unaccounted: self.accepted as i64 - self.pruned as i64 - present as i64,
        }
    }
}

#[derive(Default)]
struct Queue {
    counts: BTreeMap<JobState, u64>,
    ready_since: Option<i64>,
    backlog_ms: f64,
}

impl Stored {
    fn record(&self) -> Result<JobRecord> {
        self.row.clone().into_record(self.spec.clone())
    }

    fn is_meant(&self, filter: &JobFilter) -> bool {
        let row = &self.row;
        let fits = |wanted: &Option<String>, value: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == value)
        };
        let submitted_at = instant(row.submitted_at);
        (filter.states.is_empty() || filter.states.contains(&row.state))
            && fits(&filter.queue, &row.queue)
            && fits(&filter.kind, &row.kind)
            && fits(&filter.tenant, &row.tenant)
            && filter
                .tag
                .as_ref()
                .is_none_or(|tag| self.spec.tags.contains(tag))
            && (filter.error_code.is_none() || filter.error_code == row.error_code)
            && filter.submitted_after.is_none_or(|at| submitted_at >= at)
            && filter.submitted_before.is_none_or(|at| submitted_at < at)
    }
}
