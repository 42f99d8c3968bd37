//! Everything the broker knows, and the steps by which it changes.
//!
//! Each verb is a method that runs to its end under one lock, at one instant. It takes copies of rows, moves them by the
//! [rules], and puts them back by [`Core::put`], from which all else follows: counts, the event, the unique
//! key, the jobs that waited for this one.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};

use super::{events::Events, jobs::Jobs, keys::Keys, waiting::Waiting};
use crate::{
    JobId, JobState, Result,
    clock::Clock,
    options::BrokerOptions,
    rules::{self, row::JobRow, scopes::Scopes, share::Shares},
    workers::WorkerTable,
};

/// The state of a broker.
#[derive(Debug)]
pub(super) struct Core {
    clock: Arc<dyn Clock>,
    pub(super) options: BrokerOptions,
    pub(super) workers: WorkerTable,
    pub(super) random: StdRng,
    pub(super) jobs: Jobs,
    pub(super) keys: Keys,
    pub(super) waiting: Waiting,
    pub(super) events: Events,
    pub(super) scopes: Scopes,
    pub(super) run_times: BTreeMap<String, RunTime>,
    /// Jobs fetched per queue, for the starvation guard.
    pub(super) fetched: HashMap<String, u64>,
    pub(super) shares: Shares,
    pub(super) accepted: u64,
    pub(super) pruned: u64,
    /// Jobs that have ended in this verb, while others may wait for them.
    settled: Vec<JobId>,
    /// Queues in which something became ready in this verb.
    woken: BTreeSet<String>,
}

/// The moving average of a kind's run time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RunTime {
    pub(super) average_ms: f64,
    samples: f64,
}

impl Core {
    pub(super) fn new(clock: Arc<dyn Clock>, options: BrokerOptions) -> Self {
        Self {
            clock,
            options,
            workers: WorkerTable::default(),
            random: StdRng::from_os_rng(),
            jobs: Jobs::default(),
            keys: Keys::default(),
            waiting: Waiting::default(),
            events: Events::default(),
            scopes: Scopes::default(),
            run_times: BTreeMap::new(),
            fetched: HashMap::new(),
            shares: Shares::default(),
            accepted: 0,
            pruned: 0,
            settled: Vec::new(),
            woken: BTreeSet::new(),
        }
    }

    /// Returns the verb's instant, ms since 1970.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// Returns the verb's instant.
    pub(super) fn instant(&self) -> Timestamp {
        self.clock.now()
    }

    /// Puts a changed row back.
    pub(super) fn put(&mut self, row: JobRow, now: i64) {
        if row.state != row.loaded {
            self.note_entered(&row, now);
        }
        self.jobs.put(row);
    }

    /// Takes note of the state that a job has entered.
    pub(super) fn note_entered(&mut self, row: &JobRow, now: i64) {
        self.events.push(row, now);
        if row.state == JobState::Ready {
            self.woken.insert(row.queue.clone());
        }
        if row.state.is_terminal() {
            self.settled.push(row.id);
            self.keys.release(row);
        }
    }

    /// Lets go the jobs that waited for what has ended. Not before the rest of a verb: a job that ends in the same verb
    /// must not become ready in between.
    pub(super) fn settle(&mut self, now: i64) -> Result<()> {
        if self.settled.is_empty() {
            return Ok(());
        }
        let freed = self.waiting.settle(std::mem::take(&mut self.settled));
        for (seq, settled) in freed {
            if let Some(job) = self.jobs.get(seq) {
                let mut row = job.row.clone();
                rules::sweep::unblock(&mut row, settled, now)?;
                self.put(row, now);
            }
        }
        Ok(())
    }

    /// Takes the queues in which something became ready since the last call.
    pub(super) fn take_woken(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.woken)
    }

    /// Moves the average run time of a kind, weight 1/10 for what is new.
    pub(super) fn ran(&mut self, kind: &str, run_ms: i64) {
        let run_time = self.run_times.entry(kind.to_owned()).or_default();
        let weight = 1.0 / (run_time.samples + 1.0).min(10.0);
        run_time.average_ms += (run_ms.max(0) as f64 - run_time.average_ms) * weight;
        run_time.samples += 1.0;
    }
}
