//! Lanes: the jobs of one queue, kind, schema version and tenant. Jobs are counted by lane, and ready jobs are found in it.
//!
//! Whatever shuts a job out of a fetch (a pause, a limit, an unknown kind or version) shuts its whole lane, so a fetch
//! skips lanes and never looks at jobs that it may not have. A lane stays when it is empty: it costs a name, and it
//! remembers that its queue has had jobs.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
};

use crate::{
    JobState, NewJob, Priority,
    broker::{JobFilter, Scope},
    rules::row::JobRow,
};

/// A ready job's place: priority, `run_at`, `seq`.
pub(super) type Place = (Priority, i64, i64);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct LaneKey {
    queue: String,
    kind: String,
    tenant: String,
    schema_version: u32,
}

/// One lane.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) queue: String,
    pub(super) kind: String,
    pub(super) tenant: String,
    pub(super) schema_version: u32,
    counts: BTreeMap<JobState, u64>,
    ready: BTreeSet<Place>,
    ready_by_age: BTreeSet<(i64, i64)>,
}

impl Lane {
    /// Returns how many jobs are in a state.
    pub(super) fn count(&self, state: JobState) -> u64 {
        self.counts.get(&state).copied().unwrap_or(0)
    }

    /// Returns the ready jobs, in the order of a fetch.
    pub(super) fn ready(&self) -> impl Iterator<Item = Place> + '_ {
        self.ready.iter().copied()
    }

    /// Returns the jobs that have been ready since `since` or longer, the longest first.
    pub(super) fn starving(&self, since: i64) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.ready_by_age.range(..=(since, i64::MAX)).copied()
    }

    /// Returns since when the oldest ready job is.
    pub(super) fn ready_since(&self) -> Option<i64> {
        self.ready_by_age.first().map(|(run_at, _)| *run_at)
    }

    fn is_meant(&self, filter: &JobFilter) -> bool {
        let fits = |wanted: &Option<String>, name: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == name)
        };
        fits(&filter.queue, &self.queue)
            && fits(&filter.kind, &self.kind)
            && fits(&filter.tenant, &self.tenant)
    }
}

/// Every lane, by the order in which they were first used.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    all: Vec<Lane>,
    by_key: HashMap<LaneKey, usize>,
    /// Lanes with ready jobs.
    ready: HashMap<String, BTreeSet<usize>>,
}

impl Lanes {
    /// Returns the lane of a job.
    pub(super) fn of(&mut self, spec: &NewJob) -> usize {
        let key = LaneKey {
            queue: spec.queue.clone(),
            kind: spec.kind.clone(),
            tenant: spec.tenant.clone(),
            schema_version: spec.schema_version,
        };
        let lanes = &mut self.all;
        *self.by_key.entry(key).or_insert_with_key(|key| {
            lanes.push(Lane {
                queue: key.queue.clone(),
                kind: key.kind.clone(),
                tenant: key.tenant.clone(),
                schema_version: key.schema_version,
                counts: BTreeMap::new(),
                ready: BTreeSet::new(),
                ready_by_age: BTreeSet::new(),
            });
            lanes.len() - 1
        })
    }

    /// Adds a job in its present state.
    pub(super) fn add(&mut self, index: usize, row: &JobRow, priority: Priority) {
        let lane = &mut self.all[index];
        *lane.counts.entry(row.state).or_default() += 1;
        if row.state == JobState::Ready {
            if lane.ready.is_empty() {
                let lanes = self.ready.entry(lane.queue.clone()).or_default();
                lanes.insert(index);
            }
            lane.ready.insert((priority, row.run_at, row.seq));
            lane.ready_by_age.insert((row.run_at, row.seq));
        }
    }

    /// Takes a job out again, in the state in which it was added.
    pub(super) fn remove(&mut self, index: usize, row: &JobRow, priority: Priority) {
        let lane = &mut self.all[index];
        if let Some(count) = lane.counts.get_mut(&row.state) {
            *count -= 1;
        }
        if row.state == JobState::Ready {
            lane.ready.remove(&(priority, row.run_at, row.seq));
            lane.ready_by_age.remove(&(row.run_at, row.seq));
            if lane.ready.is_empty()
                && let Some(lanes) = self.ready.get_mut(&lane.queue)
            {
                lanes.remove(&index);
            }
        }
    }

    /// Returns the lanes of a queue that have ready jobs.
    pub(super) fn with_ready(&self, queue: &str) -> impl Iterator<Item = &Lane> {
        let lanes = self.ready.get(queue).into_iter().flatten();
        lanes.map(|lane| &self.all[*lane])
    }

    /// Returns how many ready jobs come before one, looking at no more than `most` of a lane; `false` for an estimate.
    pub(super) fn ahead(
        &self,
        index: usize,
        (priority, run_at, seq): Place,
        most: usize,
    ) -> (u64, bool) {
        let first = (priority, i64::MIN, i64::MIN);
        let count = |lane: &Lane, range: (Bound<Place>, Bound<Place>)| {
            lane.ready.range(range).take(most).count()
        };
        let own = &self.all[index];
        let place = Bound::Excluded((priority, run_at, seq));
        let mut counts = vec![count(own, (Bound::Included(first), place))];
        for lane in self.with_ready(&own.queue) {
            counts.push(count(lane, (Bound::Unbounded, Bound::Excluded(first))));
        }
        let exact = counts.iter().all(|count| *count < most);
        (counts.into_iter().sum::<usize>() as u64, exact)
    }

    /// Returns every lane.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Lane> {
        self.all.iter()
    }

    /// Counts the running jobs of each scope.
    pub(super) fn running(&self, scopes: Vec<Scope>) -> HashMap<Scope, u64> {
        let running_in = |scope: &Scope| {
            let lanes = self.all.iter().filter(|lane| match scope {
                Scope::Queue(name) => lane.queue == *name,
                Scope::Kind(name) => lane.kind == *name,
                Scope::Tenant(name) => lane.tenant == *name,
            });
            lanes.map(|lane| lane.count(JobState::Running)).sum()
        };
        scopes
            .into_iter()
            .map(|scope| {
                let running = running_in(&scope);
                (scope, running)
            })
            .collect()
    }

    /// Counts the jobs that a filter means by queue, kind, tenant and state, its other fields aside.
    pub(super) fn counts(&self, filter: &JobFilter) -> BTreeMap<JobState, u64> {
        let mut counts = BTreeMap::new();
        for lane in self.all.iter().filter(|lane| lane.is_meant(filter)) {
            for (state, count) in &lane.counts {
                if filter.states.is_empty() || filter.states.contains(state) {
                    *counts.entry(*state).or_default() += count;
                }
            }
        }
        counts
    }
}
