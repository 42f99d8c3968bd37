//! The rows, and what finds them: one index for each question that a verb asks, so that none looks at every job.

use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map};

use serde_json::Value;

use super::lanes::Lanes;
use crate::{JobId, JobState, NewJob, broker::Placement, rules::row::JobRow};

/// Jobs that are counted on the way to one's place; what is above is an estimate.
const MAX_COUNTED: usize = 100_000;

/// A job: its row, what was submitted, and where it is counted.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) row: JobRow,
    pub(super) spec: NewJob,
    lane: usize,
}

/// When something happens, and to which job.
type Time = (i64, i64);

/// Every job. An index holds exactly the jobs that its question can mean: a row enters and leaves with its state.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    by_seq: BTreeMap<i64, Stored>,
    by_id: HashMap<JobId, i64>,
    pub(super) lanes: Lanes,
    /// Scheduled and retrying jobs by `run_at`.
    due: BTreeSet<Time>,
    /// Jobs that wait, by `kill_at`.
    mortal: BTreeSet<Time>,
    /// Running jobs by the end of their lease.
    leased: BTreeSet<Time>,
    /// Ended jobs by state and `finished_at`.
    ended: BTreeSet<(JobState, i64, i64)>,
}

impl Jobs {
    pub(super) fn len(&self) -> usize {
        self.by_seq.len()
    }

    pub(super) fn get(&self, seq: i64) -> Option<&Stored> {
        self.by_seq.get(&seq)
    }

    pub(super) fn by_id(&self, id: JobId) -> Option<&Stored> {
        self.get(*self.by_id.get(&id)?)
    }

    /// Returns a copy of a row, to change and to [put back](Self::put).
    pub(super) fn row(&self, id: JobId) -> Option<JobRow> {
        self.by_id(id).map(|job| job.row.clone())
    }

    /// Returns every job, the newest last.
    pub(super) fn iter(&self) -> btree_map::Values<'_, i64, Stored> {
        self.by_seq.values()
    }

    /// Returns the jobs accepted before the one with this `seq`, the newest last.
    pub(super) fn before(&self, seq: i64) -> btree_map::Range<'_, i64, Stored> {
        self.by_seq.range(..seq)
    }

    /// Adds an accepted job.
    pub(super) fn insert(&mut self, row: JobRow, spec: NewJob) {
        let lane = self.lanes.of(&spec);
        self.by_id.insert(row.id, row.seq);
        let seq = row.seq;
        let job = Stored { row, spec, lane };
        self.index(&job);
        self.by_seq.insert(seq, job);
    }

    /// Puts a changed row in the place of the one that is there.
    pub(super) fn put(&mut self, mut row: JobRow) {
        let seq = row.seq;
        let Some(mut job) = self.by_seq.remove(&seq) else {
            return;
        };
        self.unindex(&job);
        row.loaded = row.state;
        job.row = row;
        self.index(&job);
        self.by_seq.insert(seq, job);
    }

    /// Puts a row back whose job has another payload.
    pub(super) fn put_with_payload(&mut self, row: JobRow, payload: Value) {
        if let Some(job) = self.by_seq.get_mut(&row.seq) {
            job.spec.payload = payload;
        }
        self.put(row);
    }

    /// Returns where a ready job stands.
    pub(super) fn placement(&self, id: JobId) -> Option<Placement> {
        let job = self.by_id(id)?;
        let row = &job.row;
        if row.state != JobState::Ready {
            return None;
        }
        let place = (job.spec.priority, row.run_at, row.seq);
        let (ahead, exact) = self.lanes.ahead(job.lane, place, MAX_COUNTED);
        Some(Placement { ahead, exact })
    }

    /// Deletes a job.
    pub(super) fn remove(&mut self, seq: i64) -> Option<JobRow> {
        let job = self.by_seq.remove(&seq)?;
        self.by_id.remove(&job.row.id);
        self.unindex(&job);
        Some(job.row)
    }

    /// Returns copies of at most `limit` jobs whose time has come, the longest due first.
    pub(super) fn due(&self, now: i64, limit: usize) -> Vec<JobRow> {
        self.until(&self.due, now, limit)
    }

    /// Returns copies of at most `limit` jobs that were to start or end before now.
    pub(super) fn expired(&self, now: i64, limit: usize) -> Vec<JobRow> {
        self.until(&self.mortal, now, limit)
    }

    /// Returns copies of at most `limit` jobs whose lease has run out.
    pub(super) fn lost(&self, now: i64, limit: usize) -> Vec<JobRow> {
        self.until(&self.leased, now, limit)
    }

    fn until(&self, index: &BTreeSet<Time>, now: i64, limit: usize) -> Vec<JobRow> {
        let found = index.range(..=(now, i64::MAX)).take(limit);
        let mut rows: Vec<_> = found
            .filter_map(|(_, seq)| Some(self.get(*seq)?.row.clone()))
            .collect();
        rows.sort_by_key(|row| (row.run_at, row.seq));
        rows
    }

    /// Returns at most `limit` jobs that ended in this state at or before `until`, the first to end first.
    pub(super) fn ended(&self, state: JobState, until: i64, limit: usize) -> Vec<i64> {
        let range = (state, i64::MIN, i64::MIN)..=(state, until, i64::MAX);
        let found = self.ended.range(range).take(limit);
        found.map(|(_, _, seq)| *seq).collect()
    }

    fn index(&mut self, job: &Stored) {
        let places = Places::of(&job.row);
        self.due.extend(places.due);
        self.mortal.extend(places.mortal);
        self.leased.extend(places.leased);
        self.ended.extend(places.ended);
        self.lanes.add(job.lane, &job.row, job.spec.priority);
    }

    fn unindex(&mut self, job: &Stored) {
        let places = Places::of(&job.row);
        places.due.map(|at| self.due.remove(&at));
        places.mortal.map(|at| self.mortal.remove(&at));
        places.leased.map(|at| self.leased.remove(&at));
        places.ended.map(|at| self.ended.remove(&at));
        self.lanes.remove(job.lane, &job.row, job.spec.priority);
    }
}

/// Where a row stands in the indexes.
struct Places {
    due: Option<Time>,
    mortal: Option<Time>,
    leased: Option<Time>,
    ended: Option<(JobState, i64, i64)>,
}

impl Places {
    fn of(row: &JobRow) -> Self {
        let waits = !row.state.is_terminal() && row.state != JobState::Running;
        let due = matches!(row.state, JobState::Scheduled | JobState::Retrying);
        Self {
            due: due.then_some((row.run_at, row.seq)),
            mortal: row.kill_at.filter(|_| waits).map(|at| (at, row.seq)),
            leased: row
                .lease_expires_at
                .filter(|_| row.state == JobState::Running)
                .map(|at| (at, row.seq)),
            ended: row.finished_at.map(|at| (row.state, at, row.seq)),
        }
    }
}
