//! Random submits, fetches, ends, crashes, cancels and steps of the clock, against a plain model.
//!
//! The model keeps what may be known without a queue: each job's state, attempt, crashes and epoch. After every step the
//! broker must agree with it about every job, and its sums must add up.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use graphmill_queue::{
    Broker, BrokerOptions, DeadReason, JobId, JobState, NewJob, Outcome, WorkerId,
    broker::{
        AttemptEnd, FetchRequest, Finish, Finished, JobFilter, LeaseRef, QueueSlots, Renewal,
        Renewed, Verdict,
    },
    clock::{Clock, FakeClock},
    job::Backoff,
    outcome::JobError,
    sqlite::{Database, OpenOptions, SqliteBroker},
};
use jiff::SignedDuration;
use proptest::prelude::*;

const LEASE_MS: i64 = 1_000;
const CRASH_BUDGET: u32 = 2;
const MAX_ATTEMPTS: u32 = 3;

#[derive(Debug, Clone)]
enum Step {
    Submit {
        delay_ms: i64,
        expires_ms: Option<i64>,
        depends: Option<usize>,
    },
    Resubmit(usize),
    Fetch(usize),
    End {
        job: usize,
        how: End,
        stale: bool,
    },
    Renew(usize),
    Cancel(usize),
    Retry(usize),
    Advance(i64),
    Promote,
    Rescue,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Done,
    Retry,
    Permanent,
    Snooze,
    Released,
    Cancelled,
}

fn step() -> impl Strategy<Value = Step> {
    let job = 0..64_usize;
    let end = prop_oneof![
        3 => Just(End::Done), 3 => Just(End::Retry), 1 => Just(End::Permanent),
        1 => Just(End::Snooze), 1 => Just(End::Released), 1 => Just(End::Cancelled),
    ];
    prop_oneof![
        4 => (prop_oneof![Just(0), Just(500)], prop::option::weighted(0.2, 200..2_000_i64),
              prop::option::weighted(0.3, job.clone()))
            .prop_map(|(delay_ms, expires_ms, depends)| Step::Submit { delay_ms, expires_ms, depends }),
        1 => job.clone().prop_map(Step::Resubmit),
        4 => (1..4_usize).prop_map(Step::Fetch),
        6 => (job.clone(), end, prop::bool::weighted(0.1))
            .prop_map(|(job, how, stale)| Step::End { job, how, stale }),
        2 => job.clone().prop_map(Step::Renew),
        1 => job.clone().prop_map(Step::Cancel),
        1 => job.prop_map(Step::Retry),
        3 => (1..1_500_i64).prop_map(Step::Advance),
        3 => Just(Step::Promote),
        2 => Just(Step::Rescue),
    ]
}

/// What the model knows of one job.
#[derive(Debug, Clone)]
struct Known {
    spec: NewJob,
    state: JobState,
    reason: Option<DeadReason>,
    attempt: u32,
    crashes: u32,
    epoch: u64,
    lease_until: i64,
    run_at: i64,
    expires_at: Option<i64>,
    cancel_requested: bool,
    waits_for: Option<JobId>,
}

struct Machine {
    broker: SqliteBroker,
    clock: Arc<FakeClock>,
    jobs: BTreeMap<JobId, Known>,
    order: Vec<JobId>,
    _folder: tempfile::TempDir,
}

impl Machine {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FakeClock::new("2026-01-02T03:04:05Z".parse().unwrap()));
        let database = Database::open(folder.path().join("q.db"), OpenOptions::default())
            .await
            .unwrap();
        let options = BrokerOptions {
            crash_budget: CRASH_BUDGET,
            ..BrokerOptions::default()
        };
        Self {
            broker: SqliteBroker::new(database, clock.clone(), options).unwrap(),
            clock,
            jobs: BTreeMap::new(),
            order: Vec::new(),
            _folder: folder,
        }
    }

    fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    fn nth(&self, n: usize) -> Option<JobId> {
        (!self.order.is_empty()).then(|| self.order[n % self.order.len()])
    }

    fn settle(&mut self, id: JobId, state: JobState, reason: Option<DeadReason>) {
        let now = self.now();
        let known = self.jobs.get_mut(&id).unwrap();
        known.state = state;
        known.reason = reason;
        for other in self.jobs.values_mut() {
            if other.waits_for == Some(id) {
                other.waits_for = None;
                if other.state == JobState::Waiting {
                    other.state = if other.run_at > now {
                        JobState::Scheduled
                    } else {
                        JobState::Ready
                    };
                }
            }
        }
    }

    async fn apply(&mut self, step: &Step) {
        match step {
            Step::Submit {
                delay_ms,
                expires_ms,
                depends,
            } => {
                self.submit(*delay_ms, *expires_ms, *depends).await;
            }
            Step::Resubmit(n) => {
                if let Some(id) = self.nth(*n) {
                    let known = &self.jobs[&id];
                    let verdicts = self
                        .broker
                        .submit(vec![known.spec.clone()], false)
                        .await
                        .unwrap();
                    let state = known.state;
                    assert_eq!(verdicts, [Verdict::Duplicate { id, state }]);
                }
            }
            Step::Fetch(free) => self.fetch(*free).await,
            Step::End { job, how, stale } => {
                if let Some(id) = self.nth(*job) {
                    self.end(id, *how, *stale).await;
                }
            }
            Step::Renew(n) => {
                if let Some(id) = self.nth(*n) {
                    self.renew(id).await;
                }
            }
            Step::Cancel(n) => {
                if let Some(id) = self.nth(*n) {
                    self.cancel(id).await;
                }
            }
            Step::Retry(n) => {
                if let Some(id) = self.nth(*n) {
                    self.retry(id).await;
                }
            }
            Step::Advance(ms) => self.clock.advance(SignedDuration::from_millis(*ms)),
            Step::Promote => self.promote().await,
            Step::Rescue => self.rescue().await,
        }
    }

    async fn submit(&mut self, delay_ms: i64, expires_ms: Option<i64>, depends: Option<usize>) {
        let now = self.now();
        let at = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap();
        let mut spec = NewJob::new("test.model", "default", serde_json::json!(self.order.len()));
        spec.max_attempts = MAX_ATTEMPTS;
        spec.backoff = Backoff {
            base_ms: 0,
            max_ms: 0,
        };
        spec.run_at = (delay_ms > 0).then(|| at(now + delay_ms));
        spec.expires_at = expires_ms.map(|ms| at(now + ms));
        spec.depends_on = depends.and_then(|n| self.nth(n)).into_iter().collect();
        let id = spec.id;
        let verdicts = self.broker.submit(vec![spec.clone()], false).await.unwrap();
        assert_eq!(verdicts, [Verdict::Accepted { id }]);
        let waits_for = spec
            .depends_on
            .iter()
            .copied()
            .find(|id| !self.jobs[id].state.is_terminal());
        let state = if waits_for.is_some() {
            JobState::Waiting
        } else if delay_ms > 0 {
            JobState::Scheduled
        } else {
            JobState::Ready
        };
        self.order.push(id);
        let known = Known {
            state,
            reason: None,
            attempt: 0,
            crashes: 0,
            epoch: 0,
            lease_until: 0,
            run_at: now + delay_ms,
            expires_at: expires_ms.map(|ms| now + ms),
            cancel_requested: false,
            waits_for,
            spec,
        };
        self.jobs.insert(id, known);
    }

    async fn fetch(&mut self, free: usize) {
        let now = self.now();
        let request = FetchRequest {
            worker: WorkerId::new("model"),
            slots: vec![QueueSlots {
                queue: "default".to_owned(),
                free,
            }],
            kinds: vec![("test.model".to_owned(), 1)],
            lease: Duration::from_millis(LEASE_MS as u64),
        };
        let may_run = self
            .jobs
            .values()
            .filter(|k| k.state == JobState::Ready && k.expires_at.is_none_or(|at| at > now))
            .count();
        let leases = self.broker.fetch(&request).await.unwrap();
        assert_eq!(leases.len(), free.min(may_run), "as many as there are");
        for lease in leases {
            let known = self.jobs.get_mut(&lease.job.id()).unwrap();
            assert_eq!(known.state, JobState::Ready);
            assert!(known.expires_at.is_none_or(|at| at > now));
            known.state = JobState::Running;
            known.attempt += 1;
            known.epoch += 1;
            known.lease_until = now + LEASE_MS;
            known.expires_at = None;
            assert_eq!(lease.epoch, known.epoch);
        }
    }

    async fn end(&mut self, id: JobId, how: End, stale: bool) {
        let now = self.now();
        let known = self.jobs[&id].clone();
        let epoch = if stale {
            known.epoch.wrapping_sub(1)
        } else {
            known.epoch
        };
        let error = || JobError::new("test.failed", "it failed");
        let later = jiff::Timestamp::from_millisecond(now + 300).unwrap();
        let outcome = match how {
            End::Done => Outcome::done(),
            End::Retry => Outcome::Retry(error()),
            End::Permanent => Outcome::Permanent(error()),
            End::Snooze => Outcome::Snooze(later),
            End::Released => Outcome::Released,
            End::Cancelled => Outcome::Cancelled,
        };
        let finish = Finish {
            lease: LeaseRef {
                id,
                epoch: epoch.min(i64::MAX as u64),
            },
            end: AttemptEnd::Outcome(outcome),
            checkpoint: None,
            progress: None,
        };
        let (answers, _) = self.broker.finish(&[finish], None).await.unwrap();
        if stale {
            assert_eq!(answers, [Finished::Refused]);
            return;
        }
        if known.state != JobState::Running {
            assert_eq!(answers, [Finished::Stored(known.state)], "nothing changes");
            return;
        }
        let cancelled = known.cancel_requested;
        let last = known.attempt >= MAX_ATTEMPTS;
        let held = self.jobs.get_mut(&id).unwrap();
        match how {
            End::Done => self.settle(id, JobState::Completed, None),
            End::Permanent => self.settle(id, JobState::Dead, Some(DeadReason::Permanent)),
            End::Retry if last => self.settle(id, JobState::Dead, Some(DeadReason::Attempts)),
            End::Cancelled => self.settle(id, JobState::Cancelled, None),
            _ if cancelled => self.settle(id, JobState::Cancelled, None),
            End::Retry => {
                held.state = JobState::Retrying;
                held.run_at = now;
            }
            End::Snooze => {
                held.state = JobState::Scheduled;
                held.run_at = now + 300;
                held.attempt -= 1;
            }
            End::Released => {
                held.state = JobState::Ready;
                held.attempt -= 1;
            }
        }
        assert_eq!(answers, [Finished::Stored(self.jobs[&id].state)]);
    }

    async fn renew(&mut self, id: JobId) {
        let now = self.now();
        let known = self.jobs.get_mut(&id).unwrap();
        let renewal = Renewal {
            lease: LeaseRef {
                id,
                epoch: known.epoch,
            },
            progress: None,
            checkpoint: None,
        };
        let lease = Duration::from_millis(LEASE_MS as u64);
        let answers = self.broker.renew(lease, &[renewal]).await.unwrap();
        let expected = match (known.state, known.cancel_requested) {
            (JobState::Running, true) => Renewed::CancelRequested,
            (JobState::Running, false) => Renewed::Kept,
            _ => Renewed::Lost,
        };
        assert_eq!(answers, [expected]);
        known.lease_until = now + LEASE_MS;
    }

    async fn cancel(&mut self, id: JobId) {
        let result = self.broker.cancel(id).await;
        match self.jobs[&id].state {
            JobState::Completed | JobState::Dead => assert!(result.is_err()),
            JobState::Running => self.jobs.get_mut(&id).unwrap().cancel_requested = true,
            JobState::Cancelled => assert!(result.is_ok()),
            _ => self.settle(id, JobState::Cancelled, None),
        }
    }

    async fn retry(&mut self, id: JobId) {
        let result = self.broker.retry(id).await;
        let now = self.now();
        let known = self.jobs.get_mut(&id).unwrap();
        match known.state {
            JobState::Ready | JobState::Running | JobState::Waiting => {
                assert!(result.is_err());
                return;
            }
            state if state.is_terminal() => {
                known.attempt = 0;
                known.crashes = 0;
                known.cancel_requested = false;
                known.expires_at = None;
                known.waits_for = None;
                known.reason = None;
            }
            _ => {}
        }
        known.state = JobState::Ready;
        known.run_at = now;
        assert_eq!(result.unwrap().state, JobState::Ready);
    }

    async fn promote(&mut self) {
        let now = self.now();
        self.broker.promote_due(1_000).await.unwrap();
        let expired: Vec<_> = self
            .jobs
            .iter()
            .filter(|(_, k)| {
                !k.state.is_terminal()
                    && k.state != JobState::Running
                    && k.expires_at.is_some_and(|at| at <= now)
            })
            .map(|(id, _)| *id)
            .collect();
        // All die before any of those that waited for them may run.
        for id in &expired {
            self.jobs.get_mut(id).unwrap().state = JobState::Dead;
        }
        for id in expired {
            self.settle(id, JobState::Dead, Some(DeadReason::Expired));
        }
        for known in self.jobs.values_mut() {
            let due = matches!(known.state, JobState::Scheduled | JobState::Retrying);
            if due && known.run_at <= now {
                known.state = JobState::Ready;
            }
        }
    }

    async fn rescue(&mut self) {
        let now = self.now();
        let lost: Vec<_> = self
            .jobs
            .iter()
            .filter(|(_, k)| k.state == JobState::Running && k.lease_until <= now)
            .map(|(id, _)| *id)
            .collect();
        let rescued = self.broker.rescue_expired(1_000).await.unwrap();
        assert_eq!(rescued.len(), lost.len());
        for id in lost {
            let known = self.jobs.get_mut(&id).unwrap();
            known.crashes += 1;
            known.attempt -= 1;
            known.epoch += 1;
            if known.cancel_requested {
                self.settle(id, JobState::Cancelled, None);
            } else if known.crashes > CRASH_BUDGET {
                self.settle(id, JobState::Dead, Some(DeadReason::Crashed));
            } else {
                known.state = JobState::Ready;
            }
        }
    }

    async fn check(&self) {
        let page = self
            .broker
            .list(&JobFilter::default(), None, 1_000)
            .await
            .unwrap();
        assert_eq!(page.items.len(), self.jobs.len());
        for record in &page.items {
            let known = &self.jobs[&record.id()];
            assert_eq!(record.state, known.state);
            assert_eq!(record.dead_reason, known.reason);
            assert_eq!(record.attempt, known.attempt);
            assert_eq!(record.crashes, known.crashes);
            assert_eq!(record.epoch, known.epoch);
            assert_eq!(record.finished_at.is_some(), record.state.is_terminal());
        }
        let counts = self.broker.counts(&JobFilter::default()).await.unwrap();
        for (state, count) in counts {
            let known = self.jobs.values().filter(|k| k.state == state).count();
            assert_eq!(count, known as u64, "{state}");
        }
        let audit = self.broker.audit().await.unwrap();
        assert_eq!(audit.unaccounted, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_broker_agrees_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut machine = Machine::start().await;
            for step in &steps {
                machine.apply(step).await;
                machine.check().await;
            }
        });
    }
}
