//! Queues of stock apalis-redis producers arrive in ours: every task once, whatever is cut off, and beside stock workers.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

mod apalis_world;

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use apalis_core::{
    backend::{TaskSink, ext::BackendExt},
    task::{builder::TaskBuilder, task_id::TaskId},
    worker::{builder::WorkerBuilder, context::WorkerContext},
};
use apalis_redis::{Config, queries::push_tasks};
use futures::future::poll_fn;
use graphmill_queue::{
    Broker, BrokerOptions, JobState,
    broker::JobFilter,
    clock::{Clock, SystemClock},
    compat::apalis_redis::{Drained, PayloadMapping, Source, drain, serve},
    memory::MemoryBroker,
    runtime::NoObserver,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::apalis_world::{Email, World, emails};

fn never() -> CancellationToken {
    CancellationToken::new()
}

fn in_memory() -> Arc<MemoryBroker> {
    Arc::new(MemoryBroker::new(
        Arc::new(SystemClock),
        BrokerOptions::default(),
    ))
}

#[tokio::test]
async fn twenty_thousand_tasks_arrive_once() {
    let world = World::start();
    let mut storage = world.storage().await;
    // More than 8,000 are due at once: a stock worker could not fetch any of them.
    for batch in emails(0..19_000).chunks(1_000) {
        storage.push_bulk(batch.to_vec()).await.unwrap();
    }
    for email in emails(19_000..20_000) {
        storage.push(email).await.unwrap();
    }
    let broker = world.broker();
    let mut source = Source::new(world.settings()).unwrap();
    let drained = world.drain_all(&mut source, &broker, 20_000).await;
    assert_eq!(
        drained,
        Drained {
            moved: 20_000,
            ..Drained::default()
        }
    );
    let numbers = world.numbers(&broker).await;
    assert_eq!(numbers, (0..20_000).collect::<Vec<_>>());
    world.assert_settled(20_000, 0);
    // What their own tools look at.
    let job = broker.list(&JobFilter::default(), None, 1).await.unwrap();
    let job = &job.items[0];
    assert_eq!(job.spec.kind, "email.send");
    assert_eq!(job.spec.queue, "mail");
    assert_eq!(job.spec.max_attempts, 25);
    let task = job.spec.unique.as_ref().unwrap().key.clone();
    let meta = |field| world.cli(&["HGET", &format!("emails:meta:{task}"), field]);
    assert_eq!(meta("graphmill_job"), job.id().to_string());
    assert_eq!(meta("status"), "Done");
    assert_eq!(meta("result"), r#"{"Ok":null}"#);
}

/// Runs a drain and drops it where it waits for the `polls`-th time.
async fn drain_and_drop(source: &mut Source, broker: &dyn Broker, polls: usize) {
    let stop = never();
    let mut draining = pin!(drain(source, broker, &stop));
    let mut polled = 0;
    poll_fn(|cx| {
        polled += 1;
        if polled > polls {
            return std::task::Poll::Ready(());
        }
        draining.as_mut().poll(cx).map(|drained| {
            drained.unwrap();
        })
    })
    .await;
}

#[tokio::test]
async fn a_drain_that_is_dropped_anywhere_loses_and_doubles_nothing() {
    const TASKS: u32 = 1_500;
    let (mut claimed, mut handed_over) = (0, 0);
    for seed in 0..12 {
        let world = World::start();
        let mut random = StdRng::seed_from_u64(seed);
        let mut storage = world.storage().await;
        storage.push_bulk(emails(0..TASKS / 2)).await.unwrap();
        let broker = world.broker();
        let mut settings = world.settings();
        settings.batch = 40;
        settings.orphaned_after_s = 1;
        let mut source = Source::new(settings.clone()).unwrap();
        for round in 0..60 {
            if round == 10 {
                let later = emails(TASKS / 2..TASKS);
                storage.push_bulk(later).await.unwrap();
            }
            drain_and_drop(&mut source, &broker, random.random_range(1..24)).await;
            claimed += usize::from(world.inflight() > 0);
            handed_over += usize::from(world.unsettled() > 0);
            // A process that has died comes back as another worker; one whose call was cut off goes on.
            if random.random_bool(0.5) {
                source = Source::new(settings.clone()).unwrap();
            }
        }
        while world.left() > 0 {
            let mut source = Source::new(settings.clone()).unwrap();
            drain(&mut source, &broker, &never()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert_eq!(
            world.numbers(&broker).await,
            (0..TASKS).collect::<Vec<_>>(),
            "seed {seed}"
        );
        world.assert_settled(TASKS as usize, 0);
    }
    println!("cut off after the claim {claimed} times, after the hand-over {handed_over} times");
    assert!(claimed > 0 && handed_over > 0);
}

#[tokio::test]
async fn what_was_handed_over_is_finished_by_another_process() {
    let world = World::start();
    let mut storage = world.storage().await;
    storage.push_bulk(emails(0..3)).await.unwrap();
    let broker = world.broker();
    // As if a process had died between the submit and the settling: accepted here, unsettled there.
    let mut source = Source::new(world.settings()).unwrap();
    world.drain_all(&mut source, &broker, 3).await;
    let ids = world.cli(&["SMEMBERS", "emails:done"]);
    for id in ids.lines() {
        world.cli(&["SREM", "emails:done", id]);
        world.cli(&["ZADD", "emails:graphmill", "0", id]);
    }
    let mut other = Source::new(world.settings()).unwrap();
    let drained = drain(&mut other, &broker, &never()).await.unwrap();
    assert_eq!((drained.moved, drained.repeated), (0, 3));
    assert_eq!(world.numbers(&broker).await, [0, 1, 2]);
    world.assert_settled(3, 0);
}

#[tokio::test]
async fn what_cannot_become_a_job_is_dead_and_blocks_nothing() {
    let world = World::start();
    let mut storage = world.storage().await;
    storage.push_bulk(emails(0..5)).await.unwrap();
    let mut connection = world.connection().await;
    let config = Config::default().queue("emails");
    let spoilt = |id: &str, data: &[u8]| {
        TaskBuilder::new(data.to_vec())
            .task_id(TaskId::from_string(id))
            .build()
    };
    let mut large = b"\"".to_vec();
    large.resize(100_000, b'a');
    large.push(b'"');
    let tasks = [
        spoilt("not-json", b"\xff\x00 not json"),
        spoilt("no-data", b"{}"),
        spoilt("no-meta", b"{}"),
        spoilt("wrong-meta", b"{}"),
        spoilt("no-object", b"7"),
        spoilt("too-large", &large),
    ];
    push_tasks(&mut connection, &config, &tasks).await.unwrap();
    world.cli(&["HDEL", "emails:data", "no-data"]);
    world.cli(&["DEL", "emails:meta:no-meta", "emails:meta:wrong-meta"]);
    world.cli(&["SET", "emails:meta:wrong-meta", "1"]);
    storage.push_bulk(emails(5..10)).await.unwrap();

    let broker = in_memory();
    let mut settings = world.settings();
    settings.payload = PayloadMapping::Rename([("to".to_owned(), "recipient".to_owned())].into());
    let mut source = Source::new(settings).unwrap();
    let drained = world.drain_all(&mut source, &*broker, 16).await;
    assert_eq!((drained.moved, drained.repeated, drained.dead), (10, 0, 6));
    world.assert_settled(10, 6);
    let reason = |id| world.cli(&["HGET", &format!("emails:meta:{id}"), "result"]);
    assert!(
        reason("not-json").contains("payload is not JSON"),
        "{}",
        reason("not-json")
    );
    assert!(
        reason("no-data").contains("no payload"),
        "{}",
        reason("no-data")
    );
    assert!(
        reason("no-meta").contains("attempts"),
        "{}",
        reason("no-meta")
    );
    assert!(
        reason("no-object").contains("no object"),
        "{}",
        reason("no-object")
    );
    assert_eq!(
        world.cli(&["HGET", "emails:meta:not-json", "status"]),
        "Killed"
    );
    assert_eq!(world.cli(&["HGET", "emails:data", "no-object"]), "7");

    // Under the rename, `too-large` was no object; put back with another mapping, the broker refuses it.
    world.cli(&["SMOVE", "emails:dead", "emails:taken", "too-large"]);
    world.cli(&["RPUSH", "emails:active", "too-large"]);
    let mut source = Source::new(world.settings()).unwrap();
    assert_eq!(world.drain_all(&mut source, &*broker, 1).await.dead, 1);
    assert!(
        reason("too-large").contains("payload_too_large"),
        "{}",
        reason("too-large")
    );
    let page = broker.list(&JobFilter::default(), None, 100).await.unwrap();
    assert_eq!(page.items.len(), 10);
    assert!(
        page.items
            .iter()
            .all(|job| job.spec.payload["recipient"].is_string())
    );
}

#[tokio::test]
async fn scheduled_tasks_keep_their_time() {
    let world = World::start();
    let mut storage = world.storage().await;
    let now = u64::try_from(SystemClock.now().as_second()).unwrap();
    let email = &emails(0..3);
    for (n, at) in [now + 3_600, now + 86_400].into_iter().enumerate() {
        let task = TaskBuilder::new(email[n].clone())
            .run_at_timestamp(at)
            .max_attempts(7);
        storage.push_task(task.build()).await.unwrap();
    }
    storage.push(email[2].clone()).await.unwrap();
    let broker = world.broker();

    // Cut off right after the claim, for good: their time must outlive it, and no orphan handling may run them now.
    let mut settings = world.settings();
    settings.orphaned_after_s = 1;
    settings.payload = PayloadMapping::Wrap("email".to_owned());
    for polls in 1..12 {
        let mut source = Source::new(settings.clone()).unwrap();
        drain_and_drop(&mut source, &broker, polls).await;
        assert_eq!(
            world
                .cli(&["LRANGE", "emails:active", "0", "-1"])
                .lines()
                .count(),
            0
        );
    }
    while world.left() > 0 {
        let mut source = Source::new(settings.clone()).unwrap();
        drain(&mut source, &broker, &never()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let page = broker.list(&JobFilter::default(), None, 10).await.unwrap();
    let mut jobs: Vec<_> = page
        .items
        .iter()
        .map(|job| {
            (
                job.spec.payload["email"]["number"].as_u64().unwrap(),
                job.state,
                job.run_at.as_second().cast_unsigned(),
                job.spec.max_attempts,
            )
        })
        .collect();
    jobs.sort_unstable_by_key(|job| job.0);
    assert_eq!(jobs[0], (0, JobState::Scheduled, now + 3_600, 7));
    assert_eq!(jobs[1], (1, JobState::Scheduled, now + 86_400, 7));
    assert_eq!((jobs[2].0, jobs[2].1), (2, JobState::Ready));
    assert!(jobs[2].2 < now + 60);
    assert_eq!(jobs.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_stock_worker_every_task_runs_once() {
    const TASKS: u32 = 3_000;
    let world = World::start();
    let theirs: Arc<Mutex<Vec<u32>>> = Arc::default();
    let config = World::config().batch_size(10).lock_tasks(false);
    let storage = world.storage().await.with_config(config);
    let mut producer = world.storage().await;
    let worker = {
        let theirs = Arc::clone(&theirs);
        let run = move |email: Email, _: WorkerContext| {
            theirs.lock().unwrap().push(email.number);
            async { Ok::<(), std::io::Error>(()) }
        };
        let poll = storage.poll_with_interval(Duration::from_millis(5));
        tokio::spawn(WorkerBuilder::new("stock").backend(poll).build(run).run())
    };
    let broker: Arc<dyn Broker> = Arc::new(world.broker());
    let mut settings = world.settings();
    settings.batch = 7;
    settings.poll_ms = 10;
    settings.orphaned_after_s = 300;
    let stop = never();
    producer.push_bulk(emails(0..100)).await.unwrap();
    apalis_world::until(|| !theirs.lock().unwrap().is_empty()).await;
    let draining = tokio::spawn(serve(
        Source::new(settings).unwrap(),
        Arc::clone(&broker),
        Arc::new(NoObserver),
        stop.clone(),
    ));
    for n in (100..TASKS).step_by(100) {
        producer.push_bulk(emails(n..n + 100)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    apalis_world::until(|| world.ended() == TASKS as usize).await;
    stop.cancel();
    draining.await.unwrap();
    worker.abort();

    let ours = world.numbers(&*broker).await;
    let theirs = theirs.lock().unwrap().clone();
    assert!(
        ours.len() > 50 && theirs.len() > 50,
        "{} and {}",
        ours.len(),
        theirs.len()
    );
    let all: BTreeSet<u32> = ours.iter().chain(&theirs).copied().collect();
    assert_eq!(
        ours.len() + theirs.len(),
        TASKS as usize,
        "no task ran twice"
    );
    assert_eq!(all, (0..TASKS).collect());
    assert_eq!(
        world.cli(&["ZRANGE", "emails:workers", "0", "-1"]),
        "stock",
        "ours has left"
    );
}

#[tokio::test]
async fn a_claim_of_a_dead_drain_goes_back_to_stock_workers() {
    let world = World::start();
    let mut storage = world.storage().await;
    storage.push_bulk(emails(0..20)).await.unwrap();
    let broker = in_memory();
    // Drop one drain after another until one has claimed and not handed over.
    let mut polls = 0;
    while world.inflight() == 0 {
        polls += 1;
        assert!(
            polls < 40 && world.ended() == 0,
            "no drain was cut off there"
        );
        let mut source = Source::new(world.settings()).unwrap();
        drain_and_drop(&mut source, &*broker, polls).await;
    }
    let ran: Arc<Mutex<Vec<u32>>> = Arc::default();
    let config = World::config()
        .heartbeat_interval(Duration::from_secs(1))
        .missed_heartbeats(1)
        .lock_tasks(false);
    let backend = world
        .storage()
        .await
        .with_config(config)
        .poll_with_interval(Duration::from_millis(50));
    let run = {
        let ran = Arc::clone(&ran);
        move |email: Email| {
            ran.lock().unwrap().push(email.number);
            async { Ok::<(), std::io::Error>(()) }
        }
    };
    let worker = tokio::spawn(
        WorkerBuilder::new("stock")
            .backend(backend)
            .build(run)
            .run(),
    );
    apalis_world::until(|| world.ended() == 20).await;
    worker.abort();
    let mut ran = ran.lock().unwrap().clone();
    ran.sort_unstable();
    assert_eq!(ran, (0..20).collect::<Vec<_>>());
    assert_eq!(world.inflight(), 0);
}

#[tokio::test]
async fn without_a_broker_nothing_is_claimed_and_afterwards_all_arrives() {
    let world = World::start();
    let mut storage = world.storage().await;
    storage.push_bulk(emails(0..50)).await.unwrap();
    let nobody = World::broker_at("redis://127.0.0.1:1");
    let mut source = Source::new(world.settings()).unwrap();
    assert!(drain(&mut source, &nobody, &never()).await.is_err());
    assert_eq!(world.left(), 50);
    assert_eq!(world.cli(&["ZCARD", "emails:graphmill"]), "0");
    let broker = world.broker();
    assert_eq!(world.drain_all(&mut source, &broker, 50).await.moved, 50);
}

#[tokio::test]
async fn two_tasks_with_one_id_and_two_payloads_are_not_taken_for_one() {
    let world = World::start();
    let mut storage = world.storage().await;
    let broker = in_memory();
    let mut source = Source::new(world.settings()).unwrap();
    let task = |number| {
        TaskBuilder::new(emails(0..3).remove(number))
            .task_id(TaskId::from_int(42))
            .build()
    };
    storage.push_task(task(1)).await.unwrap();
    world.drain_all(&mut source, &*broker, 1).await;
    // What apalis's vacuum removes may be pushed again.
    world.cli(&["DEL", "emails:data", "emails:meta:42", "emails:done"]);
    storage.push_task(task(2)).await.unwrap();
    let drained = world.drain_all(&mut source, &*broker, 1).await;
    assert_eq!((drained.moved, drained.dead), (0, 1));
    let reason = world.cli(&["HGET", "emails:meta:42", "result"]);
    assert!(reason.contains("same id"), "{reason}");
}

#[test]
fn settings_are_read_and_checked() {
    let read = |value: Value| {
        serde_json::from_value::<graphmill_queue::compat::apalis_redis::ApalisQueue>(value)
    };
    let least = json!({"url": "redis://:secret@127.0.0.1", "queue": "q", "kind": "k"});
    let settings = read(least.clone()).unwrap();
    assert_eq!(settings.target_queue, "default");
    assert_eq!(settings.orphaned_after_s, 300);
    assert!(!format!("{settings:?}").contains("secret"));
    for (field, value) in [
        ("batch", json!(501)),
        ("batch", json!(0)),
        ("max_attempts", json!(101)),
        ("kind", json!("")),
        ("url", json!("http://:secret@host")),
    ] {
        let mut wrong = least.clone();
        wrong[field] = value;
        let error = Source::new(read(wrong).unwrap()).unwrap_err().to_string();
        assert!(
            error.contains(field) && !error.contains("secret"),
            "{error}"
        );
    }
    let mut wrong = least;
    wrong["quue"] = json!("q");
    assert!(read(wrong).is_err());
}
