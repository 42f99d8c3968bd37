//! Applies steps to the broker and to the model, and compares the answers.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use serde_json::json;

use super::{
    super::{CRASH_BUDGET, Fixture},
    plain::{Plain, Variant},
    step::{KINDS, New, QUEUES, Step, TENANTS},
};
use crate::{
    DeadReason, Error, JobId, JobState, NewJob,
    broker::{Limits, Retention, Verdict},
    job::{Backoff, Unique, UniqueUntil},
};

/// How long the model's leases last.
pub(super) const LEASE: Duration = Duration::from_secs(1);
/// More than the model ever has.
const ALL: usize = 1_000;

/// A broker and the model of it.
pub(super) struct Machine {
    pub(super) fixture: Fixture,
    pub(super) plain: Plain,
    /// The last event seen.
    pub(super) seen: u64,
    /// The states that events have told.
    pub(super) told: HashMap<JobId, JobState>,
}

impl Machine {
    /// Learns where the broker's time stands from a job that it leaves no trace of but in the sums.
    pub(super) async fn start(fixture: Fixture, variant: Variant) -> Self {
        let id = fixture
            .accept(NewJob::new("model.clock", "model.clock", json!(null)))
            .await;
        let now = fixture.broker.cancel(id).await.unwrap().submitted_at;
        let events = fixture.broker.events(0, ALL).await.unwrap();
        let seen = events.last().map_or(0, |event| event.seq);
        let pruned = fixture.broker.prune(&keep(0), ALL).await.unwrap();
        assert_eq!(pruned, 1);
        let mut plain = Plain::default();
        plain.now = now.as_millisecond();
        plain.variant = variant;
        (plain.accepted, plain.pruned) = (1, 1);
        Self {
            fixture,
            plain,
            seen,
            told: HashMap::new(),
        }
    }

    pub(super) async fn apply(&mut self, step: &Step) {
        let job = match step {
            Step::Resubmit(n) | Step::Cancel(n) | Step::Retry(n) => self.plain.nth(*n),
            Step::Renew { job, .. } => self.plain.nth(*job),
            _ => None,
        };
        match (step, job) {
            (
                Step::Submit {
                    jobs,
                    all_or_nothing,
                },
                _,
            ) => {
                let mut specs = Vec::new();
                for new in jobs {
                    specs.push(self.spec(new, &specs));
                }
                self.submit(specs, *all_or_nothing).await;
            }
            (Step::Resubmit(_), Some(id)) => {
                let spec = self.plain.jobs[&id].spec.clone();
                self.submit(vec![spec], true).await;
            }
            (Step::Fetch(slots), _) => self.fetch(*slots).await,
            (Step::Finish { ends, then_fetch }, _) => self.finish(ends, *then_fetch).await,
            (
                Step::Renew {
                    first_lease,
                    checkpoint,
                    ..
                },
                Some(id),
            ) => self.renew(id, *first_lease, *checkpoint).await,
            (Step::Cancel(_), Some(id)) => self.cancel(id).await,
            (Step::Retry(_), Some(id)) => self.retry(id).await,
            (Step::Advance { ms }, _) => {
                (self.fixture.advance)(Duration::from_millis(*ms)).await;
                self.plain.now += *ms as i64;
            }
            (Step::Promote, _) => self.promote().await,
            (Step::Rescue, _) => self.rescue().await,
            (Step::Prune { keep_ms }, _) => {
                let pruned = self.fixture.broker.prune(&keep(*keep_ms), ALL).await;
                assert_eq!(pruned.unwrap(), self.plain.prune(*keep_ms), "pruned");
            }
            (Step::Pause { scope, paused }, _) => {
                let set = self.fixture.broker.set_paused(scope.clone(), *paused);
                set.await.unwrap();
                self.plain.paused.remove(scope);
                self.plain.paused.extend(paused.then(|| scope.clone()));
            }
            (Step::Limit { scope, concurrency }, _) => {
                let limits = Limits {
                    concurrency: *concurrency,
                    ..Limits::default()
                };
                let set = self.fixture.broker.set_limits(scope.clone(), limits);
                set.await.unwrap();
                self.plain.concurrency.remove(scope);
                let limit = concurrency.map(|most| (scope.clone(), most));
                self.plain.concurrency.extend(limit);
            }
            // There is no job yet.
            (Step::Resubmit(_) | Step::Renew { .. } | Step::Cancel(_) | Step::Retry(_), None) => {}
        }
    }

    fn spec(&self, new: &New, earlier: &[NewJob]) -> NewJob {
        let mut spec = NewJob::new(KINDS[new.kind], QUEUES[new.queue], json!(new.payload));
        let present = self.plain.order.iter().copied();
        let present: Vec<_> = present.chain(earlier.iter().map(|job| job.id)).collect();
        let depends = new.depends.iter();
        spec.depends_on = depends
            .filter_map(|n| present.get(n % present.len().max(1)).copied())
            .collect();
        TENANTS[new.tenant].clone_into(&mut spec.tenant);
        spec.priority = new.priority;
        spec.max_attempts = new.max_attempts;
        spec.backoff = Backoff {
            base_ms: new.backoff_ms,
            max_ms: new.backoff_ms * 2,
        };
        let ahead = |ms: u64| instant(self.plain.now + ms as i64);
        spec.run_at = (new.delay_ms > 0).then(|| ahead(new.delay_ms));
        spec.expires_at = new.expires_ms.map(ahead);
        spec.deadline = new.deadline_ms.map(ahead);
        spec.unique = new.unique.map(|(key, ttl_ms)| Unique {
            key: key.to_string(),
            until: ttl_ms.map_or(UniqueUntil::Done, UniqueUntil::TtlMs),
        });
        spec
    }

    async fn submit(&mut self, specs: Vec<NewJob>, all_or_nothing: bool) {
        let expected = self.plain.submit(&specs, all_or_nothing);
        let mut verdicts = self
            .fixture
            .broker
            .submit(specs, all_or_nothing)
            .await
            .unwrap();
        for verdict in &mut verdicts {
            if let Verdict::Rejected { message, .. } = verdict {
                message.clear();
            }
        }
        assert_eq!(verdicts, expected, "verdicts");
    }

    async fn cancel(&mut self, id: JobId) {
        let result = self.fixture.broker.cancel(id).await;
        let state = self.plain.jobs[&id].state;
        match state {
            JobState::Completed | JobState::Dead => {
                let refused =
                    matches!(result, Err(Error::Conflict { state: told, .. }) if told == state);
                assert!(refused, "cancel of an ended job: {result:?}");
                return;
            }
            JobState::Running => self.plain.known(id).cancel_requested = true,
            JobState::Cancelled => {}
            _ => self.plain.settle(id, JobState::Cancelled, None),
        }
        assert_eq!(result.unwrap().state, self.plain.jobs[&id].state, "cancel");
    }

    async fn retry(&mut self, id: JobId) {
        let result = self.fixture.broker.retry(id).await;
        if self.plain.retry(id) {
            assert_eq!(result.unwrap().state, JobState::Ready, "retry");
        } else {
            let refused = matches!(result, Err(Error::Conflict { .. } | Error::Invalid(_)));
            assert!(refused, "retry that is not allowed: {result:?}");
        }
    }

    async fn promote(&mut self) {
        let now = self.plain.now;
        let changed = self.fixture.broker.promote_due(ALL).await.unwrap();
        let expired = self.plain.which(|known| {
            let waits = !known.state.is_terminal() && known.state != JobState::Running;
            waits && known.is_over(now)
        });
        for id in &expired {
            self.plain.known(*id).errors += 1;
        }
        self.plain
            .settle_all(&expired, JobState::Dead, Some(DeadReason::Expired));
        let due = self.plain.which(|known| {
            let due = matches!(known.state, JobState::Scheduled | JobState::Retrying);
            due && known.run_at <= now
        });
        for id in &due {
            self.plain.known(*id).state = JobState::Ready;
        }
        assert_eq!(changed, expired.len() + due.len(), "promoted and expired");
    }

    async fn rescue(&mut self) {
        let now = self.plain.now;
        let rescued = self.fixture.broker.rescue_expired(ALL).await.unwrap();
        let lost = self
            .plain
            .which(|known| known.state == JobState::Running && known.lease_until <= now);
        for id in &lost {
            let known = self.plain.known(*id);
            known.crashes += 1;
            known.errors += 1;
            known.attempt -= 1;
            known.epoch += 1;
            if known.cancel_requested {
                self.plain.settle(*id, JobState::Cancelled, None);
            } else if known.crashes > CRASH_BUDGET {
                let reason = Some(DeadReason::Crashed);
                self.plain.settle(*id, JobState::Dead, reason);
            } else {
                known.state = JobState::Ready;
            }
        }
        let mut told: Vec<_> = rescued.iter().map(|job| (job.id, job.state)).collect();
        told.sort_unstable();
        let expected: Vec<_> = lost
            .into_iter()
            .map(|id| (id, self.plain.jobs[&id].state))
            .collect();
        assert_eq!(told, expected, "rescued");
    }
}

fn keep(ms: u64) -> Retention {
    let keep = Duration::from_millis(ms);
    Retention {
        completed: keep,
        cancelled: keep,
        dead: keep,
        events: keep,
    }
}

pub(super) fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}
