//! A ledger around a broker that fails on command, in a process that may die, with a clock that is stepped.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its part of this module"
)]

pub mod broker;

use std::{sync::Arc, time::Duration};

use graphmill_queue::{
    Broker, BrokerOptions, JobId, JobState, NewJob, Outcome, WorkerId,
    broker::{
        AttemptEnd, FetchRequest, Finish, Finished, Lease, LeaseRef, QueueSlots, Retention, Verdict,
    },
    clock::FakeClock,
    job::Backoff,
    ledger::{Ledger, LedgerAudit, LedgerBroker, LedgerOptions, audit},
};
use jiff::SignedDuration;
use serde_json::json;

use self::broker::FaultyBroker;

pub const GRACE: Duration = Duration::from_secs(2);
pub const LEASE: Duration = Duration::from_secs(15);

pub struct World {
    pub clock: Arc<FakeClock>,
    pub faulty: Arc<FaultyBroker>,
    pub ledger: Arc<dyn Ledger>,
    /// What the present process has.
    pub broker: LedgerBroker,
}

impl World {
    pub async fn new(ledger: Arc<dyn Ledger>) -> Self {
        let clock = Arc::new(FakeClock::new("2026-01-02T03:04:05Z".parse().unwrap()));
        let options = BrokerOptions {
            crash_budget: 1_000,
            ..BrokerOptions::default()
        };
        let faulty = Arc::new(FaultyBroker::start(clock.clone(), options).await);
        let broker = process(&faulty, &ledger, &clock);
        Self {
            clock,
            faulty,
            ledger,
            broker,
        }
    }

    /// Another process on the same broker and ledger.
    pub fn process(&self) -> LedgerBroker {
        process(&self.faulty, &self.ledger, &self.clock)
    }

    /// The present process dies with all that it has not written; another one takes its place. The broker stays.
    pub fn die(&mut self) {
        self.broker = self.process();
    }

    pub fn pass(&self, time: Duration) {
        self.clock.advance(SignedDuration::try_from(time).unwrap());
    }

    pub async fn submit(&self, jobs: Vec<NewJob>) -> Vec<Verdict> {
        self.broker.submit(jobs, false).await.unwrap()
    }

    pub async fn fetch(&self, free: usize) -> Vec<Lease> {
        self.broker.fetch(&request(free)).await.unwrap()
    }

    pub async fn end(&self, lease: &Lease, outcome: Outcome) -> Finished {
        let finish = finish(lease, outcome);
        self.broker.finish(&[finish], None).await.unwrap().0[0]
    }

    pub async fn written(&self) {
        self.broker.flush(Duration::from_secs(30)).await.unwrap();
    }

    pub async fn audit(&self) -> LedgerAudit {
        audit(&self.broker, false).await.unwrap()
    }

    /// The state in the ledger alone: `None` is a live job.
    pub async fn remembered(&self, id: JobId) -> Option<JobState> {
        let row = self
            .ledger
            .get(id)
            .await
            .unwrap()
            .expect("it is remembered");
        row.ended().unwrap()
    }
}

fn process(
    faulty: &Arc<FaultyBroker>,
    ledger: &Arc<dyn Ledger>,
    clock: &Arc<FakeClock>,
) -> LedgerBroker {
    let options = LedgerOptions {
        grace: GRACE,
        ..LedgerOptions::default()
    };
    LedgerBroker::new(faulty.clone(), Arc::clone(ledger), clock.clone(), options)
}

pub fn job() -> NewJob {
    let mut job = NewJob::new("test.noop", "default", json!({"n": 1}));
    job.backoff = Backoff {
        base_ms: 0,
        max_ms: 0,
    };
    job
}

pub fn jobs(count: usize) -> Vec<NewJob> {
    (0..count).map(|_| job()).collect()
}

pub fn request(free: usize) -> FetchRequest {
    FetchRequest {
        worker: WorkerId::new("tester"),
        slots: vec![QueueSlots {
            queue: "default".to_owned(),
            free,
        }],
        kinds: vec![("test.noop".to_owned(), 1)],
        lease: LEASE,
    }
}

pub fn finish(lease: &Lease, outcome: Outcome) -> Finish {
    Finish {
        lease: LeaseRef {
            id: lease.job.id(),
            epoch: lease.epoch,
        },
        end: AttemptEnd::Outcome(outcome),
        checkpoint: None,
        progress: None,
    }
}

pub fn retention(keep: Duration) -> Retention {
    Retention {
        completed: keep,
        cancelled: keep,
        dead: keep,
        events: keep,
    }
}
