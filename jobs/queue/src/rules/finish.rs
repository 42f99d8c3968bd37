//! Where a job goes when an attempt has ended.

use rand::Rng;

use super::{
    renew::{set_checkpoint, set_progress},
    row::{JobRow, to_json},
};
use crate::{
    DeadReason, JobState, Outcome, Result,
    broker::{AttemptEnd, Finish, Finished},
    job::ErrorClass,
    options::BrokerOptions,
    outcome::JobError,
    retry,
    state::Event,
};

/// What the decisions are made with.
pub(crate) struct Ending<'a, R> {
    pub(crate) now: i64,
    pub(crate) options: &'a BrokerOptions,
    /// For the jitter.
    pub(crate) random: &'a mut R,
}

/// What became of a finish.
pub(crate) struct Ended {
    pub(crate) answer: Finished,
    /// How long an attempt ran that has ended well just now, ms.
    pub(crate) run_ms: Option<i64>,
}

impl<R: Rng> Ending<'_, R> {
    /// Moves one job out of `running`. A repeated finish finds the epoch unchanged and the job gone on: stored already.
    pub(crate) fn end_attempt(&mut self, row: &mut JobRow, finish: &Finish) -> Result<Ended> {
        let unchanged = |answer| Ended {
            answer,
            run_ms: None,
        };
        if row.epoch != finish.lease.epoch {
            return Ok(unchanged(Finished::Refused));
        }
        if row.state != JobState::Running {
            return Ok(unchanged(Finished::Stored(row.state)));
        }
        set_progress(row, finish.progress.as_ref())?;
        set_checkpoint(row, finish.checkpoint.as_ref(), self.options)?;
        match &finish.end {
            AttemptEnd::Outcome(outcome) => self.end_by_outcome(row, outcome)?,
            AttemptEnd::Failed { class, error } => self.fail(row, *class, error.clone())?,
        }
        row.kill_at = row.due_to_die_at();
        Ok(Ended {
            answer: Finished::Stored(row.state),
            run_ms: (row.state == JobState::Completed)
                .then(|| self.now - row.started_at.unwrap_or(self.now)),
        })
    }

    fn end_by_outcome(&mut self, row: &mut JobRow, outcome: &Outcome) -> Result<()> {
        let now = self.now;
        match outcome {
            Outcome::Done(value) => {
                let result = to_json(value)?;
                let max = self.options.max_result_bytes;
                if result.len() > max {
                    let error = JobError::new(
                        "job.result_too_large",
                        format!(
                            "result has {} bytes as JSON; queue.max_result_size allows {max}",
                            result.len()
                        ),
                    );
                    return self.fail(row, ErrorClass::Permanent, error);
                }
                row.enter(Event::Complete, now, "finish")?;
                row.result = (!value.is_null()).then_some(result);
            }
            Outcome::Retry(error) => self.fail(row, ErrorClass::Retryable, error.clone())?,
            Outcome::Permanent(error) => self.fail(row, ErrorClass::Permanent, error.clone())?,
            Outcome::Cancelled => row.enter(Event::Cancel, now, "finish")?,
            // What is left would run again only to be told to stop.
            Outcome::Throttled(_) | Outcome::Snooze(_) | Outcome::Released
                if row.cancel_requested =>
            {
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
    fn fail(&mut self, row: &mut JobRow, class: ErrorClass, error: JobError) -> Result<()> {
        let now = self.now;
        let worker = row.worker.clone();
        row.record_error(class, error, worker, now, self.options.max_errors);
        let last = row.attempt >= row.max_attempts;
        let reason = match class {
            ErrorClass::Permanent => Some(DeadReason::Permanent),
            ErrorClass::Rejected => Some(DeadReason::Rejected),
            ErrorClass::Expired => Some(DeadReason::Expired),
            ErrorClass::Timeout if last => Some(DeadReason::TimedOut),
            ErrorClass::Retryable | ErrorClass::Panic | ErrorClass::Crash if last => {
                Some(DeadReason::Attempts)
            }
            ErrorClass::Retryable | ErrorClass::Panic | ErrorClass::Crash | ErrorClass::Timeout => {
                None
            }
        };
        match reason {
            Some(reason) => row.kill(Event::Kill, reason, now, "finish")?,
            None if row.cancel_requested => row.enter(Event::Cancel, now, "finish")?,
            None => {
                let delay = retry::delay_ms(row.backoff, row.attempt, self.random);
                row.run_at = now.saturating_add(i64::try_from(delay).unwrap_or(i64::MAX));
                row.enter(Event::Fail, now, "finish")?;
            }
        }
        Ok(())
    }
}
