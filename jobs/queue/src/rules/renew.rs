//! Keeping leases, and what handlers report with them.

use serde_json::Value;

use super::row::{JobRow, to_json};
use crate::{
    JobState, Result,
    broker::{Renewal, Renewed},
    job::Progress,
    options::BrokerOptions,
};

/// Renews a lease until `now + lease_ms`, if it is still the job's.
pub(crate) fn renew(
    row: &mut JobRow,
    renewal: &Renewal,
    lease_ms: i64,
    now: i64,
    options: &BrokerOptions,
) -> Result<Renewed> {
    if row.state != JobState::Running || row.epoch != renewal.lease.epoch {
        return Ok(Renewed::Lost);
    }
    row.lease_expires_at = Some(now.saturating_add(lease_ms));
    set_progress(row, renewal.progress.as_ref())?;
    set_checkpoint(row, renewal.checkpoint.as_ref(), options)?;
    Ok(if row.cancel_requested {
        Renewed::CancelRequested
    } else {
        Renewed::Kept
    })
}

/// Takes over new progress.
pub(super) fn set_progress(row: &mut JobRow, progress: Option<&Progress>) -> Result<()> {
    if let Some(progress) = progress {
        row.progress = Some(to_json(progress)?);
    }
    Ok(())
}

/// Takes over a new checkpoint, unless it is too large: then the one before stays, and the job repeats more work.
pub(super) fn set_checkpoint(
    row: &mut JobRow,
    checkpoint: Option<&Value>,
    options: &BrokerOptions,
) -> Result<()> {
    let Some(checkpoint) = checkpoint else {
        return Ok(());
    };
    let text = to_json(checkpoint)?;
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
