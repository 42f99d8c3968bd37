//! Keeping leases, and what handlers report with them.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use serde_json::Value;

use super::{
    BrokerOptions,
    engine::{StepError, Tx, Verb},
    load,
    row::JobRow,
};
use crate::{
    JobId, JobState,
    broker::{Renewal, Renewed},
    job::Progress,
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
        let lease_ms = i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX);
        let mut answers = Vec::with_capacity(self.renewals.len());
        for renewal in &self.renewals {
            let row = rows
                .get_mut(&renewal.lease.id)
                .filter(|row| row.state == JobState::Running && row.epoch == renewal.lease.epoch);
            let Some(row) = row else {
                answers.push(Renewed::Lost);
                continue;
            };
            row.lease_expires_at = Some(tx.now.saturating_add(lease_ms));
            set_progress(row, renewal.progress.as_ref())?;
            set_checkpoint(row, renewal.checkpoint.as_ref(), tx.options)?;
            answers.push(if row.cancel_requested {
                Renewed::CancelRequested
            } else {
                Renewed::Kept
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

/// Takes over new progress.
pub(super) fn set_progress(row: &mut JobRow, progress: Option<&Progress>) -> Result<(), StepError> {
    if let Some(progress) = progress {
        row.progress = Some(serde_json::to_string(progress)?);
    }
    Ok(())
}

/// Takes over a new checkpoint, unless it is too large: then the one before stays, and the job repeats more work.
pub(super) fn set_checkpoint(
    row: &mut JobRow,
    checkpoint: Option<&Value>,
    options: &BrokerOptions,
) -> Result<(), StepError> {
    let Some(checkpoint) = checkpoint else {
        return Ok(());
    };
    let text = serde_json::to_string(checkpoint)?;
    if text.len() > options.max_checkpoint_bytes {
        tracing::warn!(
            job.id = %row.id,
            job.kind = row.kind,
            checkpoint_bytes = text.len(),
            max_bytes = options.max_checkpoint_bytes,
            "checkpoint is larger than queue.max_checkpoint_size and was not kept"
        );
        return Ok(());
    }
    row.checkpoint = Some(text);
    Ok(())
}
