//! Storing how attempts ended, and leasing the next jobs in the same transaction.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{
    engine::{StepError, Tx, Verb},
    fetch::fetch,
    load,
    renew::{set_checkpoint, set_progress},
    row::JobRow,
    scopes::Scopes,
};
use crate::{
    DeadReason, JobId, JobState, Outcome,
    broker::{AttemptEnd, FetchRequest, Finish, Finished, Lease},
    job::ErrorClass,
    outcome::JobError,
    retry,
    state::Event,
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
            answers.push(match rows.get_mut(&finish.lease.id) {
                Some(row) => end_attempt(tx, row, finish)?,
                None => Finished::Refused,
            });
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

/// Moves one job out of `running`. A repeated finish finds the epoch unchanged and the job gone on: stored already.
fn end_attempt(tx: &mut Tx<'_>, row: &mut JobRow, finish: &Finish) -> Result<Finished, StepError> {
    if row.epoch != finish.lease.epoch {
        return Ok(Finished::Refused);
    }
    if row.state != JobState::Running {
        return Ok(Finished::Stored(row.state));
    }
    set_progress(row, finish.progress.as_ref())?;
    set_checkpoint(row, finish.checkpoint.as_ref(), tx.options)?;
    match &finish.end {
        AttemptEnd::Outcome(outcome) => end_by_outcome(tx, row, outcome)?,
        AttemptEnd::Failed { class, error } => fail(tx, row, *class, error.clone())?,
    }
    row.kill_at = row.due_to_die_at();
    Ok(Finished::Stored(row.state))
}

fn end_by_outcome(tx: &mut Tx<'_>, row: &mut JobRow, outcome: &Outcome) -> Result<(), StepError> {
    let now = tx.now;
    match outcome {
        Outcome::Done(value) => {
            let result = serde_json::to_string(value)?;
            if result.len() > tx.options.max_result_bytes {
                let error = JobError::new(
                    "job.result_too_large",
                    format!(
                        "result has {} bytes as JSON; queue.max_result_size allows {}",
                        result.len(),
                        tx.options.max_result_bytes
                    ),
                );
                return fail(tx, row, ErrorClass::Permanent, error);
            }
            tx.changes
                .ran(&row.kind, now - row.started_at.unwrap_or(now));
            row.enter(Event::Complete, now, "finish")?;
            row.result = (!value.is_null()).then_some(result);
        }
        Outcome::Retry(error) => fail(tx, row, ErrorClass::Retryable, error.clone())?,
        Outcome::Permanent(error) => fail(tx, row, ErrorClass::Permanent, error.clone())?,
        Outcome::Cancelled => row.enter(Event::Cancel, now, "finish")?,
        // What is left would run again only to be told to stop.
        Outcome::Throttled(_) | Outcome::Snooze(_) | Outcome::Released if row.cancel_requested => {
            row.enter(Event::Cancel, now, "finish")?;
        }
        Outcome::Throttled(until) | Outcome::Snooze(until) => {
            row.give_attempt_back();
            row.run_at = until.as_millisecond().max(now);
            row.enter(Event::Defer, now, "finish")?;
        }
        Outcome::Released => {
            row.give_attempt_back();
            row.enter(Event::Release, now, "finish")?;
        }
    }
    Ok(())
}

/// Decides what becomes of a job whose attempt failed.
fn fail(
    tx: &mut Tx<'_>,
    row: &mut JobRow,
    class: ErrorClass,
    error: JobError,
) -> Result<(), StepError> {
    let now = tx.now;
    let worker = row.worker.clone();
    row.record_error(class, error, worker, now, tx.options.max_errors);
    let last = row.attempt >= row.max_attempts;
    let reason = match class {
        ErrorClass::Permanent => Some(DeadReason::Permanent),
        ErrorClass::Rejected => Some(DeadReason::Rejected),
        ErrorClass::Expired => Some(DeadReason::Expired),
        ErrorClass::Timeout if last => Some(DeadReason::TimedOut),
        ErrorClass::Retryable | ErrorClass::Panic | ErrorClass::Crash if last => {
            Some(DeadReason::Attempts)
        }
        ErrorClass::Retryable | ErrorClass::Panic | ErrorClass::Crash | ErrorClass::Timeout => None,
    };
    match reason {
        Some(reason) => row.kill(Event::Kill, reason, now, "finish")?,
        None if row.cancel_requested => row.enter(Event::Cancel, now, "finish")?,
        None => {
            let delay = retry::delay_ms(row.backoff, row.attempt, &mut tx.memory.random);
            row.run_at = now.saturating_add(i64::try_from(delay).unwrap_or(i64::MAX));
            row.enter(Event::Fail, now, "finish")?;
        }
    }
    Ok(())
}
