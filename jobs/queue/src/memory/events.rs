//! The event stream.

use std::collections::VecDeque;

use crate::{
    broker::JobEvent,
    rules::row::{JobRow, instant},
};

/// The events that are kept, the oldest first. Their numbers have no gaps.
#[derive(Debug, Default)]
pub(super) struct Events {
    events: VecDeque<JobEvent>,
    last_seq: u64,
}

impl Events {
    /// Adds the state that a job has entered.
    pub(super) fn push(&mut self, row: &JobRow, now: i64) {
        self.last_seq += 1;
        self.events.push_back(JobEvent {
            seq: self.last_seq,
            job_id: row.id,
            kind: row.kind.clone(),
            queue: row.queue.clone(),
            state: row.state,
            attempt: row.attempt,
            dead_reason: row.dead_reason,
            at: instant(now),
        });
    }

    /// Returns at most `limit` events after `seq`.
    pub(super) fn after(&self, seq: u64, limit: usize) -> Vec<JobEvent> {
        let first_seq = self.last_seq + 1 - self.events.len() as u64;
        let skip = seq.saturating_add(1).saturating_sub(first_seq) as usize;
        let skip = skip.min(self.events.len());
        self.events.range(skip..).take(limit).cloned().collect()
    }

    /// Forgets what happened at or before `until`, at most `limit` events.
    pub(super) fn prune(&mut self, until: i64, limit: usize) {
        for _ in 0..limit {
            match self.events.front() {
                Some(event) if event.at.as_millisecond() <= until => {
                    self.events.pop_front();
                }
                _ => return,
            }
        }
    }
}
