//! What people ask for.

use super::row::JobRow;
use crate::{Error, JobState, Result, broker::Limits, state::Event};

/// Ends a job that waits; asks the handler of one that runs. See [`crate::Broker::cancel`].
///
/// # Errors
/// [`Error::Conflict`] where it has ended otherwise.
pub(crate) fn cancel(row: &mut JobRow, now: i64) -> Result<()> {
    match row.state {
        JobState::Cancelled => Ok(()),
        JobState::Running => {
            row.cancel_requested = true;
            Ok(())
        }
        _ => row.enter(Event::Cancel, now, "cancel"),
    }
}

/// Makes a job run again, or now. Tells whether it had ended: then it waits for nothing any more, and needs its unique
/// key back ([`key_to_retake`]).
///
/// # Errors
/// [`Error::Conflict`] where it is ready, runs or waits for another job.
pub(crate) fn retry(row: &mut JobRow, now: i64) -> Result<bool> {
    let ended = row.state.is_terminal();
    row.enter(Event::Retry, now, "retry")?;
    row.run_at = now;
    if ended {
        start_afresh(row);
    }
    Ok(ended)
}

/// Gives an ended job its attempts back. Its errors and its checkpoint stay; a limit in time that has made it end, or
/// would at once, does not.
fn start_afresh(row: &mut JobRow) {
    row.attempt = 0;
    row.crashes = 0;
    row.pending = 0;
    row.cancel_requested = false;
    row.started_at = None;
    row.result = None;
    row.progress = None;
    row.expires_at = None;
    row.deadline = None;
    row.kill_at = None;
}

/// Returns the key that an ended job has given away; it may only come back where nobody else has it.
pub(crate) fn key_to_retake(row: &JobRow) -> Option<&str> {
    row.unique_key
        .as_deref()
        .filter(|_| row.unique_ttl_ms.is_none())
}

/// The error of a retry whose key somebody else has.
pub(crate) fn key_is_taken(row: &JobRow, key: &str) -> Error {
    Error::Invalid(format!(
        "job `{}` cannot run again: another job holds its unique key `{key}`",
        row.id
    ))
}

/// Checks the limits that somebody sets.
///
/// # Errors
/// [`Error::Invalid`] for a rate that would never start a job.
pub(crate) fn check_limits(limits: Limits) -> Result<()> {
    match limits.rate_per_s {
        Some(rate) if !(rate > 0.0 && rate.is_finite()) => Err(Error::Invalid(format!(
            "rate_per_s is {rate}; a number above 0 is needed (pause the scope to stop it)"
        ))),
        _ => Ok(()),
    }
}
