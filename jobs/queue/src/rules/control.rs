//! What people ask for.

use serde_json::Value;

use super::{check::check_payload, row::JobRow};
use crate::{
    BrokerOptions, Error, JobId, JobState, Result,
    broker::{Limits, Verdict},
    state::{Event, next},
};

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

/// Makes a job wait until `until`, ms. See [`crate::Broker::snooze`].
///
/// # Errors
/// [`Error::Conflict`] where it runs, has ended, or waits for another job.
pub(crate) fn snooze(row: &mut JobRow, until: i64, now: i64) -> Result<()> {
    row.enter(Event::Snooze, now, "snooze")?;
    row.run_at = until.max(now);
    Ok(())
}

/// Says whether a job in this state may be deleted.
///
/// # Errors
/// [`Error::Conflict`] where it has not ended.
pub(crate) fn check_delete(id: JobId, state: JobState) -> Result<()> {
    match next(state, Event::Prune) {
        Some(_) => Ok(()),
        None => Err(conflict(id, state, "delete")),
    }
}

/// Says whether a job in this state may get another payload, and returns that as JSON.
///
/// # Errors
/// [`Error::Conflict`] where it is not dead, [`Error::Invalid`] where the payload is too large.
pub(crate) fn check_new_payload(
    id: JobId,
    state: JobState,
    payload: &Value,
    options: &BrokerOptions,
) -> Result<String> {
    if state != JobState::Dead {
        return Err(conflict(id, state, "set_payload"));
    }
    new_payload(payload, options)
}

/// Returns a payload as JSON.
///
/// # Errors
/// [`Error::Invalid`] where it is too large.
pub(crate) fn new_payload(payload: &Value, options: &BrokerOptions) -> Result<String> {
    check_payload(payload, options).map_err(|verdict| {
        Error::Invalid(match verdict {
            Verdict::Rejected { message, .. } => message,
            other => format!("payload is refused: {other:?}"),
        })
    })
}

fn conflict(id: JobId, state: JobState, verb: &'static str) -> Error {
    Error::Conflict { id, state, verb }
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
