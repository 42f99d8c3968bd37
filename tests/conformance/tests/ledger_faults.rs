//! Brokers that are emptied or away, SQL that is away, processes that die between two steps: nothing is lost, and nothing
//! runs twice for nothing. Each case runs on both ledgers.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

mod ledger_world;
mod servers;

use std::{collections::HashSet, sync::Arc, time::Duration};

use graphmill_queue::{
    Broker, DeadReason, Error, JobState, NewJob, Outcome,
    broker::{Finished, JobFilter, Verdict},
    conformance::retryable,
    ledger::{LedgerBroker, audit},
    runtime::NoObserver,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::ledger_world::{GRACE, World, job, jobs, request, retention};

mod cases {
    use super::*;

    /// FAULTS 13.
    pub(super) async fn an_emptied_broker_gets_every_unfinished_job_again_once(w: World) {
        let submitted = jobs(500);
        let ids: HashSet<_> = submitted.iter().map(|job| job.id).collect();
        w.submit(submitted).await;
        let mut done = HashSet::new();
        for lease in w.fetch(200).await {
            w.end(&lease, Outcome::done()).await;
            done.insert(lease.job.id());
        }
        let mut failed = HashSet::new();
        for lease in w.fetch(50).await {
            w.end(&lease, retryable()).await;
            failed.insert(lease.job.id());
        }
        let stale = w.fetch(20).await;
        w.written().await;
        w.faulty.empty().await;
        w.pass(GRACE);
        let found = w.audit().await;
        assert_eq!((found.unknown_to_broker, found.unaccounted), (300, 300));

        let (one, two) = (w.process(), w.process());
        let (one, two) = tokio::join!(one.reconcile_all(), two.reconcile_all());
        assert_eq!(one.unwrap().redispatched + two.unwrap().redispatched, 300);
        let found = w.audit().await;
        assert_eq!((found.unknown_to_broker, found.unaccounted), (0, 0));

        let mut again = HashSet::new();
        for lease in w.fetch(1_000).await {
            let id = lease.job.id();
            assert!(again.insert(id) && ids.contains(&id) && !done.contains(&id));
            let attempt = if failed.contains(&id) { 2 } else { 1 };
            assert_eq!(lease.job.attempt, attempt, "what was spent stays spent");
            if let Some(old) = stale.iter().find(|old| old.job.id() == id) {
                assert_eq!(w.end(old, Outcome::done()).await, Finished::Refused);
            }
            let stored = w.end(&lease, Outcome::done()).await;
            assert_eq!(stored, Finished::Stored(JobState::Completed));
        }
        assert_eq!(again.len(), 300);
        w.written().await;
        let found = w.audit().await;
        assert_eq!(found.by_state["completed"], 500);
        assert_eq!((found.by_state["accepted"], found.unaccounted), (0, 0));
        let record = w.ledger.get(*failed.iter().next().unwrap()).await.unwrap();
        assert_eq!(record.unwrap().spent(), (2, 0));
    }

    /// FAULTS 14.
    pub(super) async fn submits_are_accepted_while_the_broker_is_away_and_run_when_it_is_back(
        w: World,
    ) {
        w.faulty.set_away(true);
        let submitted = jobs(100);
        let first = submitted[0].clone();
        let verdicts = w.submit(submitted).await;
        assert!(
            verdicts
                .iter()
                .all(|v| matches!(v, Verdict::Accepted { .. }))
        );
        let again = w.submit(vec![first.clone()]).await.remove(0);
        assert_eq!(
            again,
            Verdict::Duplicate {
                id: first.id,
                state: JobState::Ready
            }
        );
        assert!(matches!(
            w.broker.fetch(&request(1)).await.unwrap_err(),
            Error::Unavailable(_)
        ));
        w.faulty.set_away(false);
        let stop = CancellationToken::new();
        let reconciler = tokio::spawn(graphmill_queue::ledger::run(
            w.broker.clone(),
            Duration::from_millis(20),
            1_000,
            Arc::new(NoObserver),
            stop.clone(),
        ));
        // Young ones may still be on their way.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(w.fetch(1).await.is_empty());
        w.pass(GRACE);
        let mut fetched = HashSet::new();
        while fetched.len() < 100 {
            w.broker
                .wait_ready(&["default".to_owned()], Duration::from_secs(1))
                .await;
            fetched.extend(w.fetch(1_000).await.iter().map(|lease| lease.job.id()));
        }
        stop.cancel();
        reconciler.await.unwrap();
        assert_eq!(w.audit().await.unaccounted, 0);
    }

    pub(super) async fn a_process_that_dies_before_it_dispatches_loses_nothing(mut w: World) {
        let submitted = job();
        w.faulty.set_hangs(true);
        let submit = w.broker.submit(vec![submitted.clone()], false);
        let dead = tokio::time::timeout(Duration::from_secs(1), submit).await;
        assert!(dead.is_err(), "it hangs between the two");
        w.faulty.set_hangs(false);
        w.die();
        assert!(w.fetch(1).await.is_empty());
        assert_eq!(w.broker.reconcile(1_000).await.unwrap().examined, 0);
        w.pass(GRACE);
        assert_eq!(w.audit().await.unaccounted, 1);
        let repaired = audit(&w.broker, true).await.unwrap();
        assert_eq!(repaired.unaccounted, 0);
        assert_eq!(w.fetch(10).await.len(), 1);
        // What the dead process' client would do.
        let verdict = w.submit(vec![submitted.clone()]).await.remove(0);
        assert_eq!(
            verdict,
            Verdict::Duplicate {
                id: submitted.id,
                state: JobState::Running
            }
        );
    }

    pub(super) async fn a_process_that_dies_before_it_settles_leaves_the_end_to_be_found(
        mut w: World,
    ) {
        w.submit(jobs(10)).await;
        let leases = w.fetch(10).await;
        for lease in &leases {
            w.end(lease, Outcome::Done(json!({"n": 7}))).await;
        }
        w.die();
        w.pass(GRACE);
        assert_eq!(w.audit().await.unsettled, 10);
        assert_eq!(w.broker.reconcile(1_000).await.unwrap().settled, 10);
        let id = leases[0].job.id();
        assert_eq!(w.remembered(id).await, Some(JobState::Completed));
        w.faulty.empty().await;
        let record = w.broker.get(id).await.unwrap().unwrap();
        assert_eq!(record.result, Some(json!({"n": 7})));
        assert_eq!(record.attempt, 1);
        assert!(w.fetch(10).await.is_empty());
    }

    pub(super) async fn ends_in_another_process_are_learnt_from_events(w: World) {
        w.submit(jobs(5)).await;
        // Straight to the broker: nobody here hears of it but by events.
        let leases = w.faulty.fetch(&request(5)).await.unwrap();
        let finishes: Vec<_> = leases
            .iter()
            .map(|lease| ledger_world::finish(lease, Outcome::done()))
            .collect();
        w.faulty.finish(&finishes, None).await.unwrap();
        let stop = CancellationToken::new();
        let reconciler = tokio::spawn(graphmill_queue::ledger::run(
            w.broker.clone(),
            Duration::from_millis(10),
            1_000,
            Arc::new(NoObserver),
            stop.clone(),
        ));
        while w.ledger.sums().await.unwrap().open > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.cancel();
        reconciler.await.unwrap();
    }

    pub(super) async fn what_the_broker_refuses_leaves_nothing_behind(w: World) {
        let holder = job().unique_until_done("k");
        // Another way in: the ledger does not know the key.
        w.faulty.submit(vec![holder.clone()], false).await.unwrap();
        let same = job().unique_until_done("k");
        let mut other = same.clone();
        other.id = graphmill_queue::JobId::new();
        other.payload = json!({"n": 2});
        let good = job();
        let mut bad = job();
        bad.depends_on = vec![bad.id];
        let verdicts = w
            .submit(vec![same.clone(), other.clone(), bad, good.clone()])
            .await;
        assert!(matches!(verdicts[0], Verdict::Duplicate { id, .. } if id == holder.id));
        assert_eq!(verdicts[1], Verdict::Conflict { id: holder.id });
        assert!(matches!(verdicts[2], Verdict::Rejected { .. }));
        assert_eq!(verdicts[3], Verdict::Accepted { id: good.id });
        let found = w.audit().await;
        assert_eq!(
            (found.accepted, found.present, found.unaccounted),
            (1, 1, 0)
        );
        let verdicts = w
            .broker
            .submit(vec![job(), other.clone()], true)
            .await
            .unwrap();
        assert_eq!(verdicts[1], Verdict::Conflict { id: holder.id });
        assert_eq!(w.audit().await.accepted, 1);
        // Where it was acknowledged already, it ends.
        w.faulty.set_away(true);
        let verdict = w.submit(vec![other.clone()]).await.remove(0);
        assert_eq!(verdict, Verdict::Accepted { id: other.id });
        w.faulty.set_away(false);
        w.pass(GRACE);
        assert_eq!(w.broker.reconcile_all().await.unwrap().settled, 1);
        let record = w.broker.get(other.id).await.unwrap().unwrap();
        assert_eq!(record.dead_reason, Some(DeadReason::Rejected));
        assert_eq!(record.errors[0].error.code, "job.refused");
        assert_eq!(w.audit().await.unaccounted, 0);
    }

    pub(super) async fn the_ledger_answers_repeats_that_the_broker_has_forgotten(w: World) {
        let done = job();
        let held = job().unique_until_done("k");
        let mut kept = job();
        kept.unique = Some(graphmill_queue::job::Unique {
            key: "ttl".to_owned(),
            until: graphmill_queue::job::UniqueUntil::TtlMs(60_000),
        });
        w.submit(vec![done.clone(), kept.clone()]).await;
        for lease in w.fetch(2).await {
            w.end(&lease, Outcome::done()).await;
        }
        w.submit(vec![held.clone()]).await;
        w.written().await;
        w.faulty.empty().await;
        let completed = |id| Verdict::Duplicate {
            id,
            state: JobState::Completed,
        };
        let mut changed = done.clone();
        changed.payload = json!({"n": 9});
        let same_key = |key: &NewJob| NewJob {
            id: graphmill_queue::JobId::new(),
            ..key.clone()
        };
        let mut other_body = same_key(&held);
        other_body.payload = json!({"n": 9});
        let verdicts = w
            .submit(vec![
                done.clone(),
                changed,
                same_key(&kept),
                same_key(&held),
                other_body,
                held.clone(),
            ])
            .await;
        let waiting = Verdict::Duplicate {
            id: held.id,
            state: JobState::Ready,
        };
        assert_eq!(
            verdicts,
            [
                completed(done.id),
                Verdict::Conflict { id: done.id },
                completed(kept.id),
                waiting.clone(),
                Verdict::Conflict { id: held.id },
                waiting,
            ]
        );
        w.pass(GRACE);
        assert_eq!(w.broker.reconcile_all().await.unwrap().redispatched, 1);
        assert_eq!(w.fetch(10).await[0].job.id(), held.id);
        assert_eq!(w.audit().await.unaccounted, 0);
    }

    pub(super) async fn a_retried_job_is_live_again_in_the_ledger_too(w: World) {
        let submitted = NewJob {
            max_attempts: 1,
            ..job()
        };
        let id = submitted.id;
        w.submit(vec![submitted]).await;
        let lease = w.fetch(1).await.remove(0);
        w.end(&lease, retryable()).await;
        w.written().await;
        assert_eq!(w.remembered(id).await, Some(JobState::Dead));
        w.broker.retry(id).await.unwrap();
        assert_eq!(w.remembered(id).await, None);
        // The report of the first end comes again, late: it is older than the retry.
        let late = ledger_world::finish(&lease, retryable());
        drop(w.broker.finish(&[late], None).await.unwrap());
        w.written().await;
        assert_eq!(w.remembered(id).await, None);
        w.faulty.empty().await;
        w.pass(GRACE);
        assert_eq!(w.broker.reconcile_all().await.unwrap().redispatched, 1);
        let lease = w.fetch(1).await.remove(0);
        w.end(&lease, Outcome::done()).await;
        w.written().await;
        assert_eq!(w.remembered(id).await, Some(JobState::Completed));
        // And from the ledger alone.
        w.faulty.empty().await;
        let record = w.broker.retry(id).await.unwrap();
        assert_eq!((record.state, record.attempt), (JobState::Ready, 0));
        let lease = w.fetch(1).await.remove(0);
        w.end(&lease, Outcome::done()).await;
        w.written().await;
        assert_eq!(w.remembered(id).await, Some(JobState::Completed));
        assert_eq!(w.audit().await.unaccounted, 0);
    }

    pub(super) async fn cancel_works_on_what_the_broker_does_not_know(w: World) {
        let submitted = job();
        let id = submitted.id;
        w.submit(vec![submitted]).await;
        w.faulty.empty().await;
        assert_eq!(
            w.broker.cancel(id).await.unwrap().state,
            JobState::Cancelled
        );
        assert_eq!(
            w.broker.cancel(id).await.unwrap().state,
            JobState::Cancelled
        );
        w.pass(GRACE);
        assert_eq!(w.broker.reconcile_all().await.unwrap().redispatched, 0);
        assert!(w.fetch(1).await.is_empty());
    }

    pub(super) async fn dependants_wait_again_after_the_broker_was_emptied(w: World) {
        let child = job();
        let parent = NewJob {
            depends_on: vec![child.id],
            ..job()
        };
        w.submit(vec![child.clone(), parent.clone()]).await;
        w.faulty.empty().await;
        w.pass(GRACE);
        // One row a call: the order of acceptance is what counts.
        for _ in 0..2 {
            assert_eq!(w.broker.reconcile(1).await.unwrap().redispatched, 1);
        }
        let lease = w.fetch(10).await;
        assert_eq!(lease.len(), 1);
        assert_eq!(lease[0].job.id(), child.id);
        w.end(&lease[0], Outcome::done()).await;
        assert_eq!(w.fetch(10).await[0].job.id(), parent.id);
    }

    pub(super) async fn history_outlives_the_broker(w: World) {
        w.submit(jobs(25)).await;
        for (n, lease) in w.fetch(20).await.iter().enumerate() {
            let outcome = if n % 4 == 0 {
                Outcome::Permanent(graphmill_queue::outcome::JobError::new("test.dead", "dead"))
            } else {
                Outcome::Done(json!(n))
            };
            w.end(lease, outcome).await;
        }
        w.written().await;
        // The broker keeps nothing, the ledger everything.
        w.faulty
            .prune(&retention(Duration::ZERO), 1_000)
            .await
            .unwrap();
        let dead = JobFilter {
            states: vec![JobState::Dead],
            ..JobFilter::default()
        };
        let coded = JobFilter {
            error_code: Some("test.dead".to_owned()),
            ..JobFilter::default()
        };
        let live = JobFilter {
            states: vec![JobState::Ready],
            ..JobFilter::default()
        };
        for (filter, count) in [(JobFilter::default(), 25), (dead, 5), (coded, 5), (live, 5)] {
            let mut listed = HashSet::new();
            let mut cursor = None;
            loop {
                let page = w.broker.list(&filter, cursor.as_deref(), 7).await.unwrap();
                assert!(page.items.len() <= 7);
                for item in page.items {
                    assert!(listed.insert(item.id()), "each once");
                }
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(listed.len(), count, "{filter:?}");
            let counted = w.broker.counts(&filter).await.unwrap();
            let counted: u64 = counted.iter().map(|(_, count)| count).sum();
            assert_eq!(counted, count as u64, "{filter:?}");
        }
        assert_eq!(
            w.broker
                .prune(&retention(Duration::ZERO), 1_000)
                .await
                .unwrap(),
            20
        );
        let found = w.audit().await;
        assert_eq!((found.pruned, found.present, found.unaccounted), (20, 5, 0));
    }

    pub(super) async fn the_same_submit_at_once_is_one_job(w: World) {
        let submitted = job().unique_until_done("k");
        let broker: Vec<LedgerBroker> = (0..4).map(|_| w.process()).collect();
        let submits = (0..400).map(|n| {
            let mut repeat = submitted.clone();
            if n % 2 == 1 {
                repeat.id = graphmill_queue::JobId::new();
            }
            let broker = broker[n % 4].clone();
            async move { broker.submit(vec![repeat], false).await.unwrap().remove(0) }
        });
        let verdicts = futures::future::join_all(submits).await;
        let ids: HashSet<_> = verdicts.iter().map(Verdict::id).collect();
        assert_eq!(ids.len(), 1, "one id in all answers");
        let accepted = verdicts
            .iter()
            .filter(|verdict| matches!(verdict, Verdict::Accepted { .. }))
            .count();
        assert_eq!(accepted, 1);
        assert_eq!(w.fetch(10).await.len(), 1);
        let found = w.audit().await;
        assert_eq!((found.accepted, found.unaccounted), (1, 0));
    }
}

/// Makes a test of each case on each ledger.
macro_rules! on_both_ledgers {
    ($($case:ident),* $(,)?) => {
        mod on_sqlite {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let (world, _folder) = sqlite_world().await;
                    cases::$case(world).await;
                }
            )*
        }
        mod on_postgres {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    cases::$case(postgres_world().await).await;
                }
            )*
        }
    };
}

on_both_ledgers!(
    an_emptied_broker_gets_every_unfinished_job_again_once,
    submits_are_accepted_while_the_broker_is_away_and_run_when_it_is_back,
    a_process_that_dies_before_it_dispatches_loses_nothing,
    a_process_that_dies_before_it_settles_leaves_the_end_to_be_found,
    ends_in_another_process_are_learnt_from_events,
    what_the_broker_refuses_leaves_nothing_behind,
    the_ledger_answers_repeats_that_the_broker_has_forgotten,
    a_retried_job_is_live_again_in_the_ledger_too,
    cancel_works_on_what_the_broker_does_not_know,
    dependants_wait_again_after_the_broker_was_emptied,
    history_outlives_the_broker,
    the_same_submit_at_once_is_one_job,
);

async fn sqlite_world() -> (World, tempfile::TempDir) {
    use graphmill_queue::{
        ledger::SqliteLedger,
        sqlite::{Database, OpenOptions},
    };
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path().join("ledger.db"), OpenOptions::default())
        .await
        .unwrap();
    let world = World::new(Arc::new(SqliteLedger::new(database))).await;
    (world, folder)
}

async fn postgres_world() -> World {
    use graphmill_queue::ledger::PostgresLedger;
    let url = servers::postgres::shared().await;
    let ledger = PostgresLedger::new(servers::postgres::connect(&url).await);
    World::new(Arc::new(ledger)).await
}

/// FAULTS 21.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ends_are_kept_while_sql_is_away() {
    use graphmill_queue::ledger::PostgresLedger;
    let mut server = servers::postgres::Server::start().await;
    let ledger = PostgresLedger::new(servers::postgres::connect(&server.url()).await);
    let w = World::new(Arc::new(ledger)).await;
    w.submit(jobs(100)).await;
    let leases = w.fetch(100).await;
    let (first, rest) = leases.split_at(50);
    for lease in first {
        w.end(lease, Outcome::done()).await;
    }
    // Some of these ends are on their way just now.
    let mut server = tokio::task::spawn_blocking(move || {
        server.stop();
        server
    })
    .await
    .unwrap();
    for lease in rest {
        w.end(lease, Outcome::done()).await;
    }
    let error = w.broker.submit(jobs(1), false).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(w.broker.ping().await.is_err());
    assert!(
        w.broker
            .prune(&retention(Duration::ZERO), 1_000)
            .await
            .is_err(),
        "nothing is pruned that SQL does not know to have ended"
    );
    assert!(w.broker.unwritten() >= 50);
    let server = tokio::task::spawn_blocking(move || {
        server.resume();
        server
    })
    .await
    .unwrap();
    w.written().await;
    let found = w.audit().await;
    assert_eq!(found.by_state["completed"], 100);
    assert_eq!((found.by_state["accepted"], found.unaccounted), (0, 0));
    w.submit(jobs(1)).await;
    drop(server);
}
