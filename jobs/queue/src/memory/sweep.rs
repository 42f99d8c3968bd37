//! What time does to jobs: they become due, they expire, their lease runs out, their retention ends.

use std::time::Duration;

use super::core::Core;
use crate::{
    JobState, Result,
    broker::{Rescued, Retention},
    rules::{self, sweep::before},
};

impl Core {
    /// See [`crate::Broker::promote_due`].
    pub(super) fn promote_due(&mut self, limit: usize) -> Result<usize> {
        let now = self.now();
        // Expiry first: what is due and expired must not run.
        let expired = self.jobs.expired(now, limit);
        let killed = expired.len();
        for mut row in expired {
            rules::sweep::expire(&mut row, now, &self.options)?;
            self.put(row, now);
        }
        self.settle(now)?;
        let due = self.jobs.due(now, limit - killed);
        let promoted = due.len();
        for mut row in due {
            rules::sweep::promote(&mut row, now)?;
            self.put(row, now);
        }
        Ok(killed + promoted)
    }

    /// See [`crate::Broker::rescue_expired`].
    pub(super) fn rescue_expired(&mut self, limit: usize) -> Result<Vec<Rescued>> {
        let now = self.now();
        let lost = self.jobs.lost(now, limit);
        let mut rescued = Vec::with_capacity(lost.len());
        for mut row in lost {
            rescued.push(rules::sweep::rescue(&mut row, now, &self.options)?);
            self.put(row, now);
        }
        self.settle(now)?;
        Ok(rescued)
    }

    /// See [`crate::Broker::prune`].
    pub(super) fn prune(&mut self, retention: &Retention, limit: usize) -> usize {
        let now = self.now();
        let mut pruned = 0;
        for (state, keep) in [
            (JobState::Completed, retention.completed),
            (JobState::Cancelled, retention.cancelled),
            (JobState::Dead, retention.dead),
        ] {
            let over = self.jobs.ended(state, before(now, keep), limit - pruned);
            pruned += over.len();
            for seq in over {
                self.delete(seq);
            }
        }
        self.events.prune(before(now, retention.events), limit);
        self.keys.prune(before(now, Duration::ZERO), limit);
        pruned
    }

    /// Deletes an ended job, and counts that.
    pub(super) fn delete(&mut self, seq: i64) {
        self.waiting.forget(seq);
        if let Some(row) = self.jobs.remove(seq) {
            self.keys.deleted(&row);
            self.pruned += 1;
        }
    }
}
