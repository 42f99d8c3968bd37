//! Whether a worker makes progress: a worker with free slots that has not fetched for long is not live, whatever a
//! ping says.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Shared by the pumps, which write, and by whoever answers health checks. A std mutex: sections are one lookup.
#[derive(Debug, Clone, Default)]
pub struct Liveness {
    queues: Arc<Mutex<BTreeMap<String, State>>>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    slots: usize,
    free: usize,
    /// The last time that a fetch succeeded or the last slot was taken.
    last_ok: Instant,
}

/// How one queue's pump stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueLiveness {
    /// The queue.
    pub queue: String,
    /// Its slots.
    pub slots: usize,
    /// Slots without a job.
    pub free: usize,
    /// How long ago a fetch succeeded or the last slot was taken.
    pub since_fetch: Duration,
}

impl Liveness {
    /// Describes every queue, by name. Empty until the worker runs.
    pub fn snapshot(&self) -> Vec<QueueLiveness> {
        self.queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(queue, state)| QueueLiveness {
                queue: queue.clone(),
                slots: state.slots,
                free: state.free,
                since_fetch: state.last_ok.elapsed(),
            })
            .collect()
    }

    /// Returns the queues with free slots for which no fetch has succeeded for longer than `patience`. A pump fetches
    /// about once a second even when nothing waits, so a patience of ten seconds is generous.
    pub fn stalled(&self, patience: Duration) -> Vec<String> {
        self.snapshot()
            .into_iter()
            .filter(|queue| queue.free > 0 && queue.since_fetch > patience)
            .map(|queue| queue.queue)
            .collect()
    }

    /// Tells whether the worker runs and no queue is [stalled](Self::stalled): ready for work.
    pub fn is_ready(&self, patience: Duration) -> bool {
        !self.snapshot().is_empty() && self.stalled(patience).is_empty()
    }

    pub(super) fn fetched(&self, queue: &str, slots: usize, free: usize) {
        let state = State {
            slots,
            free,
            last_ok: Instant::now(),
        };
        self.queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(queue.to_owned(), state);
    }

    pub(super) fn stopped(&self) {
        self.queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
