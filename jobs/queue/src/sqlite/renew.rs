//! Keeping leases.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;

use super::{
    engine::{StepError, Tx, Verb},
    load,
};
use crate::{
    JobId, JobState,
    broker::{Renewal, Renewed},
    rules::{self, fetch::lease_ms, row::JobRow},
};

/// See [`crate::Broker::renew`].
pub(super) struct Renew {
    pub(super) lease: Duration,
    pub(super) renewals: Vec<Renewal>,
}

#[async_trait]
impl Verb for Renew {
    type Output = Vec<Renewed>;
    const URGENT: bool = true;

    fn weight(&self) -> usize {
        self.renewals.len()
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Renewed>, StepError> {
        let ids = self.renewals.iter().map(|renewal| renewal.lease.id);
        let mut rows: HashMap<JobId, JobRow> = load::rows_by_id(tx.connection, ids)
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        let lease_ms = lease_ms(self.lease);
        let mut answers = Vec::with_capacity(self.renewals.len());
        for renewal in &self.renewals {
            answers.push(match rows.get_mut(&renewal.lease.id) {
                Some(row) => rules::renew::renew(row, renewal, lease_ms, tx.now, tx.options)?,
                None => Renewed::Lost,
            });
        }
        for row in rows
            .into_values()
            .filter(|row| row.state == JobState::Running)
        {
            tx.changes.push(row, tx.now);
        }
        Ok(answers)
    }
}
