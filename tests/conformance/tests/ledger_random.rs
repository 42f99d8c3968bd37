//! Random submits, ends, cancels and retries while the broker is emptied and cut off and processes die, against a checker
//! that counts what was promised and what was done outside of both stores.
//!
//! When everything is up again and drained: every accepted job has ended, nothing ran that was not submitted, nothing was
//! completed twice but for what a dead process had not written, and the sums agree.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

mod ledger_world;
mod servers;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use graphmill_queue::{
    Broker, Error, JobId, JobState, NewJob, Outcome, Result,
    broker::{Finished, Lease, Verdict},
    conformance::retryable,
    ledger::{Ledger, PostgresLedger, SqliteLedger},
    sqlite::{Database, OpenOptions},
};
use proptest::{prelude::*, test_runner::TestRunner};

use self::ledger_world::{GRACE, LEASE, World, finish, job, jobs, request};

#[derive(Debug, Clone)]
enum Step {
    Submit(usize),
    SubmitUnique(u8),
    SubmitAndDie,
    Resubmit(usize),
    Fetch(usize),
    End(usize, End),
    EndAgain(usize),
    Cancel(usize),
    Retry(usize),
    Empty,
    Away(bool),
    Die,
    Advance(u64),
    Maintain,
    Reconcile(usize),
    Flush,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Done,
    Retry,
    Released,
    Permanent,
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        4 => Just(End::Done),
        2 => Just(End::Retry),
        1 => Just(End::Released),
        1 => Just(End::Permanent),
    ];
    prop_oneof![
        4 => (1_usize..20).prop_map(Step::Submit),
        3 => (0_u8..3).prop_map(Step::SubmitUnique),
        1 => Just(Step::SubmitAndDie),
        1 => any::<usize>().prop_map(Step::Resubmit),
        5 => (1_usize..10).prop_map(Step::Fetch),
        10 => (any::<usize>(), end).prop_map(|(lease, end)| Step::End(lease, end)),
        1 => any::<usize>().prop_map(Step::EndAgain),
        2 => any::<usize>().prop_map(Step::Cancel),
        2 => any::<usize>().prop_map(Step::Retry),
        2 => Just(Step::Empty),
        2 => any::<bool>().prop_map(Step::Away),
        1 => Just(Step::Die),
        3 => (1_u64..4_000).prop_map(Step::Advance),
        2 => Just(Step::Maintain),
        3 => (1_usize..40).prop_map(Step::Reconcile),
        1 => Just(Step::Flush),
    ]
}

/// What is known without asking either store.
#[derive(Default)]
struct Checker {
    accepted: Vec<NewJob>,
    /// Submits that got no answer.
    unanswered: HashSet<JobId>,
    completed: HashMap<JobId, usize>,
    /// Runs that were asked for.
    asked: HashMap<JobId, usize>,
    ended: HashSet<JobId>,
    held: Vec<Lease>,
    spent: Vec<Lease>,
    /// Ends that a dying process had not written.
    unwritten: usize,
}

impl Checker {
    fn accept(&mut self, job: NewJob) {
        self.asked.insert(job.id, 1);
        self.accepted.push(job);
    }

    fn pick(&self, at: usize) -> Option<NewJob> {
        let count = self.accepted.len().max(1);
        self.accepted.get(at % count).cloned()
    }

    /// Tells whether somebody who holds the key is not known to have ended.
    fn key_is_held(&self, job: &NewJob) -> bool {
        self.accepted
            .iter()
            .any(|other| other.unique == job.unique && !self.ended.contains(&other.id))
    }

    fn lease(&mut self, leases: Vec<Lease>) {
        for lease in leases {
            let id = lease.job.id();
            let submitted = self.asked.contains_key(&id) || self.unanswered.contains(&id);
            assert!(submitted, "{id} was never submitted");
            self.held.push(lease);
        }
    }

    fn end(&mut self, lease: Lease, answer: Finished, done: bool) {
        let id = lease.job.id();
        if let Finished::Stored(state) = answer {
            if state == JobState::Completed && done {
                *self.completed.entry(id).or_default() += 1;
            }
            if state.is_terminal() {
                self.ended.insert(id);
            }
        }
        self.spent.push(lease);
    }
}

/// Passes only what a broker that is away may say.
fn up<T>(result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Error::Unavailable(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

async fn take(w: &mut World, c: &mut Checker, step: Step) {
    match step {
        Step::Submit(count) => {
            let submitted = jobs(count);
            let verdicts = w.submit(submitted.clone()).await;
            for (job, verdict) in submitted.into_iter().zip(verdicts) {
                assert_eq!(verdict, Verdict::Accepted { id: job.id });
                c.accept(job);
            }
        }
        Step::SubmitUnique(key) => {
            let job = job().unique_until_done(format!("key {key}"));
            match w.submit(vec![job.clone()]).await.remove(0) {
                Verdict::Accepted { .. } => {
                    assert!(!c.key_is_held(&job), "one key, one job");
                    c.accept(job);
                }
                Verdict::Duplicate { id, .. } => assert_ne!(id, job.id),
                other => panic!("{other:?}"),
            }
        }
        Step::SubmitAndDie => {
            let job = job();
            c.unanswered.insert(job.id);
            w.faulty.set_hangs(true);
            let submit = w.broker.submit(vec![job], false);
            drop(tokio::time::timeout(Duration::from_millis(20), submit).await);
            w.faulty.set_hangs(false);
            c.unwritten += w.broker.unwritten() as usize;
            w.die();
        }
        Step::Resubmit(at) => {
            if let Some(job) = c.pick(at) {
                let verdict = w.submit(vec![job.clone()]).await.remove(0);
                assert!(
                    matches!(verdict, Verdict::Duplicate { id, .. } if id == job.id),
                    "{verdict:?}"
                );
            }
        }
        Step::Fetch(free) => {
            let leases = up(w.broker.fetch(&request(free)).await);
            c.lease(leases.unwrap_or_default());
        }
        Step::End(at, end) => {
            if c.held.is_empty() {
                return;
            }
            let lease = c.held.swap_remove(at % c.held.len());
            let outcome = match end {
                End::Done => Outcome::done(),
                End::Retry => retryable(),
                End::Released => Outcome::Released,
                End::Permanent => {
                    Outcome::Permanent(graphmill_queue::outcome::JobError::new("t.dead", "dead"))
                }
            };
            match up(w.broker.finish(&[finish(&lease, outcome)], None).await) {
                Some((answers, _)) => c.end(lease, answers[0], matches!(end, End::Done)),
                None => c.held.push(lease),
            }
        }
        Step::EndAgain(at) => {
            if c.spent.is_empty() {
                return;
            }
            let lease = c.spent[at % c.spent.len()].clone();
            let before = up(w.broker.get(lease.job.id()).await);
            let answer = up(w
                .broker
                .finish(&[finish(&lease, Outcome::done())], None)
                .await);
            if let (Some(Some(before)), Some((answers, _))) = (before, answer)
                && let Finished::Stored(state) = answers[0]
            {
                assert_eq!(state, before.state, "a spent lease changes nothing");
            }
        }
        Step::Cancel(at) => {
            let Some(job) = c.pick(at) else { return };
            match w.broker.cancel(job.id).await {
                Ok(record) if record.state.is_terminal() => {
                    c.ended.insert(job.id);
                }
                Ok(_) | Err(Error::Unavailable(_) | Error::Conflict { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        Step::Retry(at) => {
            let Some(job) = c.pick(at) else { return };
            let ended = c.ended.remove(&job.id);
            let retried = w.broker.retry(job.id).await;
            if matches!(retried, Ok(_) | Err(Error::Unavailable(_))) {
                // A broker that is away may have done it all the same.
                *c.asked.entry(job.id).or_default() += 1;
            }
            match retried {
                Ok(_) => {}
                Err(Error::Conflict { .. } | Error::Invalid(_) | Error::Unavailable(_)) => {
                    if ended {
                        c.ended.insert(job.id);
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
        Step::Empty => {
            w.faulty.empty().await;
            w.pass(Duration::from_millis(100));
        }
        Step::Away(away) => w.faulty.set_away(away),
        Step::Die => {
            c.unwritten += w.broker.unwritten() as usize;
            w.die();
        }
        Step::Advance(ms) => w.pass(Duration::from_millis(ms)),
        Step::Maintain => {
            up(w.broker.promote_due(1_000).await);
            up(w.broker.rescue_expired(1_000).await);
        }
        Step::Reconcile(limit) => {
            up(w.broker.reconcile(limit).await);
        }
        Step::Flush => drop(w.broker.flush(Duration::from_millis(200)).await),
    }
}

/// Everything comes back, and is run to its end.
async fn drain(w: &World, c: &mut Checker) {
    w.faulty.set_away(false);
    c.held.clear();
    for _ in 0..20 {
        w.pass(GRACE + LEASE);
        w.broker.reconcile_all().await.unwrap();
        w.broker.rescue_expired(10_000).await.unwrap();
        w.broker.promote_due(10_000).await.unwrap();
        let leases = w.fetch(10_000).await;
        c.lease(leases);
        for lease in std::mem::take(&mut c.held) {
            let answer = w.end(&lease, Outcome::done()).await;
            c.end(lease, answer, true);
        }
        w.written().await;
        if w.ledger.sums().await.unwrap().open == 0 {
            return;
        }
    }
    panic!("it does not drain: {:?}", w.audit().await);
}

async fn check(w: &World, c: &Checker) {
    for job in &c.accepted {
        let ended = w.remembered(job.id).await;
        assert!(ended.is_some(), "{} has ended", job.id);
    }
    let again: usize = c
        .completed
        .iter()
        .map(|(id, completed)| {
            let asked = c.asked.get(id).copied().unwrap_or(1);
            completed.saturating_sub(asked)
        })
        .sum();
    assert!(
        again <= c.unwritten,
        "{again} jobs were completed again; dead processes had not written {}",
        c.unwritten
    );
    let found = w.audit().await;
    assert_eq!(found.unaccounted, 0, "{found:?}");
    assert_eq!(
        (found.unknown_to_broker, found.unsettled),
        (0, 0),
        "{found:?}"
    );
    let accepted = c.accepted.len() as u64;
    let most = accepted + c.unanswered.len() as u64;
    assert!(
        (accepted..=most).contains(&found.accepted),
        "{accepted} were accepted: {found:?}"
    );
}

fn run(cases: u32, ledger: impl AsyncFn() -> (Arc<dyn Ledger>, Box<dyn std::any::Any>)) {
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let steps = proptest::collection::vec(step(), 1..80);
    TestRunner::new(config)
        .run(&steps, |steps| {
            runtime.block_on(async {
                let (ledger, _keep) = ledger().await;
                let mut world = World::new(ledger).await;
                let mut checker = Checker::default();
                for step in steps {
                    take(&mut world, &mut checker, step).await;
                }
                drain(&world, &mut checker).await;
                check(&world, &checker).await;
            });
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

fn cases(default: u32) -> u32 {
    #[expect(
        clippy::disallowed_methods,
        reason = "how hard a test tries is no setting"
    )]
    let wanted = std::env::var("PROPTEST_CASES").ok();
    wanted
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(default)
}

#[test]
fn nothing_is_lost_on_sqlite() {
    run(cases(40), async || {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("ledger.db"), OpenOptions::default())
            .await
            .unwrap();
        let ledger: Arc<dyn Ledger> = Arc::new(SqliteLedger::new(database));
        (ledger, Box::new(folder) as Box<dyn std::any::Any>)
    });
}

#[test]
fn nothing_is_lost_on_postgres() {
    run(cases(20), async || {
        let url = servers::postgres::shared().await;
        let database = servers::postgres::connect(&url).await;
        let ledger: Arc<dyn Ledger> = Arc::new(PostgresLedger::new(database));
        (ledger, Box::new(()) as Box<dyn std::any::Any>)
    });
}
