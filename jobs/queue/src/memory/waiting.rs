//! Which jobs wait for which.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::JobId;

/// Dependencies that have not settled, from both sides.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    by_dependency: BTreeSet<(JobId, i64)>,
    by_dependant: BTreeSet<(i64, JobId)>,
}

impl Waiting {
    /// Notes that the job `seq` waits for the job `on`.
    pub(super) fn add(&mut self, seq: i64, on: JobId) {
        self.by_dependency.insert((on, seq));
        self.by_dependant.insert((seq, on));
    }

    /// Forgets that anybody waited for these jobs. Returns who did, and for how many of them.
    pub(super) fn settle(&mut self, settled: Vec<JobId>) -> BTreeMap<i64, u32> {
        let mut freed = BTreeMap::new();
        for on in settled {
            let waiting = self.by_dependency.range((on, i64::MIN)..=(on, i64::MAX));
            let waiting: Vec<_> = waiting.map(|(_, seq)| *seq).collect();
            for seq in waiting {
                self.by_dependency.remove(&(on, seq));
                self.by_dependant.remove(&(seq, on));
                *freed.entry(seq).or_default() += 1;
            }
        }
        freed
    }

    /// Forgets that the job `seq` waited for anything.
    pub(super) fn forget(&mut self, seq: i64) {
        let first = JobId::from(Uuid::nil());
        let last = JobId::from(Uuid::max());
        let waits_for = self.by_dependant.range((seq, first)..=(seq, last));
        let waits_for: Vec<_> = waits_for.map(|(_, on)| *on).collect();
        for on in waits_for {
            self.by_dependant.remove(&(seq, on));
            self.by_dependency.remove(&(on, seq));
        }
    }
}
