//! Accepting jobs.

use super::core::Core;
use crate::{
    JobState, NewJob,
    broker::Verdict,
    rules::{
        check::Prepared,
        row::JobRow,
        submit::{Key, Present, Taken, decide, key_of},
    },
};

impl Core {
    /// See [`crate::Broker::submit`]; the jobs are checked.
    pub(super) fn submit(
        &mut self,
        mut jobs: Vec<crate::Result<Prepared, Verdict>>,
        all_or_nothing: bool,
    ) -> Vec<Verdict> {
        let now = self.now();
        let mut present = Present::default();
        for prepared in jobs.iter().flatten() {
            self.look_up(&prepared.job, now, &mut present);
        }
        let next_seq = self.accepted as i64 + 1;
        let (verdicts, accepted) = decide(&jobs, present, all_or_nothing, next_seq, now);
        for job in accepted {
            let spec = std::mem::replace(&mut jobs[job.index], Err(verdicts[job.index].clone()));
            let Ok(prepared) = spec else {
                continue;
            };
            self.accepted += 1;
            for on in job.waits_for {
                self.waiting.add(job.row.seq, on);
            }
            self.keys.take(&job.row);
            self.note_entered(&job.row, now);
            self.jobs.insert(job.row, prepared.job);
        }
        verdicts
    }

    fn look_up(&self, job: &NewJob, now: i64, present: &mut Present) {
        if let Some(other) = self.jobs.by_id(job.id) {
            present.by_id.insert(job.id, taken(&other.row));
        }
        if let Some(key) = key_of(job)
            && let Some(taken) = self.holder(&key, now)
        {
            present.by_key.insert(key, taken);
        }
        for on in &job.depends_on {
            let other = self.jobs.by_id(*on);
            if other.is_some_and(|other| !other.row.state.is_terminal()) {
                present.open.insert(*on);
            }
        }
    }

    fn holder(&self, key: &Key, now: i64) -> Option<Taken> {
        let holder = self.keys.holder(key, now)?;
        let job = self.jobs.by_id(holder.id);
        Some(Taken {
            id: holder.id,
            state: job
                .map(|job| job.row.state)
                .or(holder.ended_as)
                .unwrap_or(JobState::Completed),
            body_hash: holder.body_hash.clone(),
        })
    }
}

fn taken(row: &JobRow) -> Taken {
    Taken {
        id: row.id,
        state: row.state,
        body_hash: row.body_hash.clone(),
    }
}
