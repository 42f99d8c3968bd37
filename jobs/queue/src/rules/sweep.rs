//! What time does to a job, and what others do that have settled.

use std::time::Duration;

use super::row::JobRow;
use crate::{
    DeadReason, JobState, Result, WorkerId, broker::Rescued, job::ErrorClass,
    options::BrokerOptions, outcome::JobError, state::Event,
};

/// Makes a job ready whose time has come.
pub(crate) fn promote(row: &mut JobRow, now: i64) -> Result<()> {
    row.enter(Event::Promote, now, "promote")
}

/// Kills a job whose `expires_at` or deadline has passed before it ran (again).
pub(crate) fn expire(row: &mut JobRow, now: i64, options: &BrokerOptions) -> Result<()> {
    let (code, what) = if row.deadline.is_some_and(|deadline| deadline <= now) {
        ("job.deadline_passed", "it was not done by its deadline")
    } else {
        ("job.expired", "it was not started by its expires_at")
    };
    row.record_error(
        ErrorClass::Expired,
        JobError::new(code, what),
        None,
        now,
        options.max_errors,
    );
    row.kill(Event::Expire, DeadReason::Expired, now, "promote")
}

/// Takes a job back whose lease has run out. The loss is counted as a crash, not as an attempt, and the epoch grows, so
/// that a worker which was only slow is refused.
pub(crate) fn rescue(row: &mut JobRow, now: i64, options: &BrokerOptions) -> Result<Rescued> {
    let worker = row.worker.clone();
    let holder = worker.as_ref().map_or("its worker", WorkerId::as_str);
    let message = format!("the lease ran out: `{holder}` died, hung or was cut off");
    row.record_error(
        ErrorClass::Crash,
        JobError::new("job.lease_lost", message),
        worker.clone(),
        now,
        options.max_errors,
    );
    row.crashes += 1;
    row.epoch += 1;
    row.give_attempt_back();
    if row.cancel_requested {
        row.enter(Event::Cancel, now, "rescue")?;
    } else if row.crashes > options.crash_budget {
        row.kill(Event::Kill, DeadReason::Crashed, now, "rescue")?;
    } else {
        row.enter(Event::Rescue, now, "rescue")?;
    }
    Ok(Rescued {
        id: row.id,
        queue: row.queue.clone(),
        kind: row.kind.clone(),
        state: row.state,
        worker,
    })
}

/// Takes note that `settled` of the jobs that this one waits for have settled, and lets it go after the last.
pub(crate) fn unblock(row: &mut JobRow, settled: u32, now: i64) -> Result<()> {
    row.pending = row.pending.saturating_sub(settled);
    if row.state != JobState::Waiting || row.pending > 0 {
        return Ok(());
    }
    if row.run_at > now {
        return row.enter(Event::Defer, now, "unblock");
    }
    row.run_at = now;
    row.enter(Event::Unblock, now, "unblock")
}

/// Returns the instant before which something kept for `keep` is over.
pub(crate) fn before(now: i64, keep: Duration) -> i64 {
    now.saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX))
}
