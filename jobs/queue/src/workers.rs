//! Which workers there are: what each says of itself, and until when that is believed.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::WorkerId;

/// What a worker says of itself with every report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Its name, unique among the live ones.
    pub id: WorkerId,
    /// The machine.
    pub host: String,
    /// The process on that machine.
    pub pid: u32,
    /// The program's version.
    pub version: String,
    /// The queues it serves, by name.
    pub queues: Vec<WorkerQueue>,
    /// The kinds it can run, by name.
    pub kinds: Vec<WorkerKind>,
    /// Memory the process has in use, where the system tells.
    pub rss_bytes: Option<u64>,
    /// When it started.
    pub started_at: Timestamp,
    /// When the broker last heard of it; set by the broker.
    pub seen_at: Timestamp,
    /// When it last fetched, or filled its last slot: tells a worker that lives from one that works.
    pub last_fetch_at: Option<Timestamp>,
    /// It fetches no more and ends when its jobs do.
    pub draining: bool,
}

/// A queue that a worker serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerQueue {
    /// The queue.
    pub queue: String,
    /// Jobs it runs at once.
    pub slots: usize,
    /// Jobs it runs now.
    pub busy: usize,
}

/// A kind that a worker can run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerKind {
    /// The kind.
    pub kind: String,
    /// The newest version of its payload that the worker reads.
    pub schema_version: u32,
}

impl WorkerInfo {
    /// Tells whether it can run jobs of this kind and version.
    pub fn knows(&self, kind: &str, schema_version: u32) -> bool {
        let known = self.kinds.iter().find(|known| known.kind == kind);
        known.is_some_and(|known| known.schema_version >= schema_version)
    }

    /// Returns how many jobs of a queue it runs at once; 0 where it does not serve it.
    pub fn slots(&self, queue: &str) -> usize {
        let served = self.queues.iter().find(|served| served.queue == queue);
        served.map_or(0, |served| served.slots)
    }
}

/// The reports, for brokers that live in one process. A std mutex: sections are a few map operations, no await is held.
#[derive(Debug, Default)]
pub(crate) struct WorkerTable(Mutex<BTreeMap<WorkerId, (WorkerInfo, i64)>>);

impl WorkerTable {
    /// Takes a report that is believed for `ttl`; none at all takes the worker out.
    pub(crate) fn report(&self, info: &WorkerInfo, ttl: Duration, now: Timestamp) {
        let mut workers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ttl.is_zero() {
            workers.remove(&info.id);
            return;
        }
        let mut info = info.clone();
        info.seen_at = now;
        let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        let until = now.as_millisecond().saturating_add(ttl_ms);
        workers.insert(info.id.clone(), (info, until));
    }

    /// Returns who is believed to live, by name, and forgets the others.
    pub(crate) fn list(&self, now: Timestamp) -> Vec<WorkerInfo> {
        let mut workers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|_, (_, until)| *until > now.as_millisecond());
        workers.values().map(|(info, _)| info.clone()).collect()
    }
}
