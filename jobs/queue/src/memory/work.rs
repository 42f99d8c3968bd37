//! What workers report: that they live, and how attempts ended.

use std::time::Duration;

use super::core::Core;
use crate::{
    Result,
    broker::{FetchRequest, Finish, Finished, Lease, Renewal, Renewed},
    rules::{self, fetch::lease_ms, finish::Ending},
};

impl Core {
    /// See [`crate::Broker::renew`].
    pub(super) fn renew(&mut self, lease: Duration, renewals: &[Renewal]) -> Result<Vec<Renewed>> {
        let now = self.now();
        let lease_ms = lease_ms(lease);
        let mut answers = Vec::with_capacity(renewals.len());
        for renewal in renewals {
            let Some(mut row) = self.jobs.row(renewal.lease.id) else {
                answers.push(Renewed::Lost);
                continue;
            };
            let answer = rules::renew::renew(&mut row, renewal, lease_ms, now, &self.options)?;
            if answer != Renewed::Lost {
                self.put(row, now);
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    /// See [`crate::Broker::finish`]. The third part of the answer says that a limit may have been freed for any queue.
    pub(super) fn finish(
        &mut self,
        finishes: &[Finish],
        then_fetch: Option<&FetchRequest>,
    ) -> Result<(Vec<Finished>, Vec<Lease>, bool)> {
        let now = self.now();
        let mut answers = Vec::with_capacity(finishes.len());
        for finish in finishes {
            let Some(mut row) = self.jobs.row(finish.lease.id) else {
                answers.push(Finished::Refused);
                continue;
            };
            let mut ending = Ending {
                now,
                options: &self.options,
                random: &mut self.random,
            };
            let ended = ending.end_attempt(&mut row, finish)?;
            if let Some(run_ms) = ended.run_ms {
                self.ran(&row.kind, run_ms);
            }
            if row.state != row.loaded {
                self.put(row, now);
            }
            answers.push(ended.answer);
        }
        self.settle(now)?;
        let leases = match then_fetch {
            Some(request) => self.fetch(request, now)?,
            None => Vec::new(),
        };
        Ok((answers, leases, self.scopes.any_limits()))
    }
}
