//! Leasing a job, and when one that starves may overtake.

use super::row::JobRow;
use crate::{Result, broker::FetchRequest, state::Event};

/// Every so many fetched jobs of a queue, one is the longest-waiting of those that starve.
const STARVATION_SHARE: u64 = 8;
/// The most slots one request may have in all.
const MAX_SLOTS: usize = 10_000;

/// Returns how many of the next `free` jobs of a queue may be starving ones, after `before` jobs.
pub(crate) fn starving_share(before: u64, free: usize) -> u64 {
    (before + free as u64) / STARVATION_SHARE - before / STARVATION_SHARE
}

/// Returns how many of `free` slots count, after `picked` jobs of the same request.
pub(crate) fn slots_left(free: usize, picked: usize) -> usize {
    free.min(MAX_SLOTS.saturating_sub(picked))
}

/// Returns a lease's length as ms.
pub(crate) fn lease_ms(lease: std::time::Duration) -> i64 {
    i64::try_from(lease.as_millis()).unwrap_or(i64::MAX)
}

/// Leases the job to whoever asks: counts the attempt, and makes a new epoch.
pub(crate) fn lease(row: &mut JobRow, request: &FetchRequest, now: i64) -> Result<()> {
    row.enter(Event::Fetch, now, "fetch")?;
    row.attempt += 1;
    row.epoch += 1;
    row.worker = Some(request.worker.clone());
    row.lease_expires_at = Some(now.saturating_add(lease_ms(request.lease)));
    row.started_at = Some(now);
    row.kill_at = row.due_to_die_at();
    Ok(())
}
