//! How attempts end, and how leases are kept.

use serde_json::json;

use super::{
    machine::{LEASE, Machine, instant},
    plain::Known,
    step::{End, How, Slots},
};
use crate::{
    DeadReason, JobId, JobState, Outcome,
    broker::{AttemptEnd, Finish, Finished, LeaseRef, Renewal, Renewed},
    job::ErrorClass,
    outcome::JobError,
    retry::bound_ms,
};

/// How long a snoozed or throttled job waits.
const LATER_MS: i64 = 300;

impl Machine {
    pub(super) async fn finish(&mut self, ends: &[End], then_fetch: Option<Slots>) {
        let mut finishes = Vec::new();
        let mut hows = Vec::new();
        for end in ends {
            let Some(known) = self.plain.nth(end.job).map(|id| &self.plain.jobs[&id]) else {
                continue;
            };
            // A job that was never leased has no attempt to end.
            let Some(epoch) = known.lease(end.first_lease) else {
                continue;
            };
            finishes.push(Finish {
                lease: LeaseRef {
                    id: known.spec.id,
                    epoch,
                },
                end: self.attempt_end(end.how, known),
                checkpoint: None,
                progress: None,
            });
            hows.push(end.how);
        }
        let request = then_fetch.map(Self::request);
        let (answers, leases) = self
            .fixture
            .broker
            .finish(&finishes, request.as_ref())
            .await
            .unwrap();
        assert_eq!(answers.len(), finishes.len());
        for ((finish, how), answer) in finishes.iter().zip(hows).zip(answers) {
            assert_eq!(answer, self.end(finish.lease, how).await, "end by {how:?}");
        }
        match then_fetch {
            Some(slots) => self.take_leases(slots, &leases),
            None => assert!(leases.is_empty()),
        }
    }

    fn attempt_end(&self, how: How, known: &Known) -> AttemptEnd {
        let error = || JobError::new("test.failed", "it failed");
        let later = instant(self.plain.now + LATER_MS);
        AttemptEnd::Outcome(match how {
            How::Done => Outcome::Done(json!(known.attempt)),
            How::Retry => Outcome::Retry(error()),
            How::Permanent => Outcome::Permanent(error()),
            How::Snooze => Outcome::Snooze(later),
            How::Throttled => Outcome::Throttled(later),
            How::Released => Outcome::Released,
            How::Cancelled => Outcome::Cancelled,
            How::Timeout => {
                return AttemptEnd::Failed {
                    class: ErrorClass::Timeout,
                    error: error(),
                };
            }
        })
    }

    /// Ends an attempt in the model; returns what the broker must answer.
    async fn end(&mut self, lease: LeaseRef, how: How) -> Finished {
        let now = self.plain.now;
        let id = lease.id;
        let known = self.plain.known(id);
        if lease.epoch != known.epoch {
            return Finished::Refused;
        }
        if known.state != JobState::Running {
            return Finished::Stored(known.state);
        }
        let cancelled = known.cancel_requested;
        let last = known.attempt >= known.spec.max_attempts;
        if matches!(how, How::Retry | How::Timeout | How::Permanent) {
            known.errors += 1;
        }
        let dead = |reason| (JobState::Dead, Some(reason));
        let ended = match how {
            How::Done => {
                known.result = Some(json!(known.attempt));
                Some((JobState::Completed, None))
            }
            How::Permanent => Some(dead(DeadReason::Permanent)),
            How::Retry if last => Some(dead(DeadReason::Attempts)),
            How::Timeout if last => Some(dead(DeadReason::TimedOut)),
            How::Cancelled => Some((JobState::Cancelled, None)),
            _ if cancelled => Some((JobState::Cancelled, None)),
            How::Retry | How::Timeout => {
                known.state = JobState::Retrying;
                let bound = bound_ms(known.spec.backoff, known.attempt) as i64;
                let run_at = self.fixture.get(id).await.run_at.as_millisecond();
                assert!((now..=now + bound).contains(&run_at), "backoff");
                known.run_at = run_at;
                None
            }
            How::Snooze | How::Throttled => {
                known.state = JobState::Scheduled;
                known.run_at = now + LATER_MS;
                known.attempt -= 1;
                None
            }
            How::Released => {
                known.state = JobState::Ready;
                known.attempt -= 1;
                None
            }
        };
        if let Some((state, reason)) = ended {
            self.plain.settle(id, state, reason);
        }
        Finished::Stored(self.plain.jobs[&id].state)
    }

    pub(super) async fn renew(&mut self, id: JobId, first_lease: bool, checkpoint: Option<u8>) {
        let until = self.plain.now + LEASE.as_millis() as i64;
        let known = self.plain.known(id);
        let Some(epoch) = known.lease(first_lease) else {
            return;
        };
        let renewal = Renewal {
            lease: LeaseRef { id, epoch },
            progress: None,
            checkpoint: checkpoint.map(|n| json!(n)),
        };
        let expected = if known.state != JobState::Running || known.epoch != epoch {
            Renewed::Lost
        } else {
            known.lease_until = until;
            if renewal.checkpoint.is_some() {
                known.checkpoint.clone_from(&renewal.checkpoint);
            }
            if known.cancel_requested {
                Renewed::CancelRequested
            } else {
                Renewed::Kept
            }
        };
        let answers = self.fixture.broker.renew(LEASE, &[renewal]).await.unwrap();
        assert_eq!(answers, [expected], "renewal");
    }
}
