//! Storing how attempts ended, and leasing the next jobs in the same transaction.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{
    engine::{StepError, Tx, Verb},
    fetch::fetch,
    load,
};
use crate::{
    JobId,
    broker::{FetchRequest, Finish, Finished, Lease},
    rules::{finish::Ending, row::JobRow, scopes::Scopes},
};

/// See [`crate::Broker::finish`]. The third part of the output says that a limit may have been freed for any queue.
pub(super) struct FinishAll {
    pub(super) finishes: Vec<Finish>,
    pub(super) then_fetch: Option<FetchRequest>,
}

#[async_trait]
impl Verb for FinishAll {
    type Output = (Vec<Finished>, Vec<Lease>, bool);

    fn weight(&self) -> usize {
        self.finishes.len()
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, StepError> {
        let ids = self.finishes.iter().map(|finish| finish.lease.id);
        let mut rows: HashMap<JobId, JobRow> = load::rows_by_id(tx.connection, ids)
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        let mut answers = Vec::with_capacity(self.finishes.len());
        for finish in &self.finishes {
            let Some(row) = rows.get_mut(&finish.lease.id) else {
                answers.push(Finished::Refused);
                continue;
            };
            let mut ending = Ending {
                now: tx.now,
                options: tx.options,
                random: &mut tx.memory.random,
            };
            let ended = ending.end_attempt(row, finish)?;
            if let Some(run_ms) = ended.run_ms {
                tx.changes.ran(&row.kind, run_ms);
            }
            answers.push(ended.answer);
        }
        for finish in &self.finishes {
            if let Some(row) = rows.remove(&finish.lease.id)
                && row.state != row.loaded
            {
                tx.changes.push(row, tx.now);
            }
        }
        tx.flush().await?;
        let leases = match &self.then_fetch {
            Some(request) => fetch(tx, request).await?,
            None => Vec::new(),
        };
        let limited = tx.memory.scopes.as_ref().is_some_and(Scopes::any_limits);
        Ok((answers, leases, limited))
    }
}
