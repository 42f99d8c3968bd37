//! Schedules fire once a tick, over any number of schedulers, on every store.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

mod servers;

use std::{sync::Arc, time::Duration};

use graphmill_queue::{
    Broker, BrokerOptions, NewJob,
    broker::JobFilter,
    clock::{Clock, FakeClock},
    ledger::postgres::PostgresSchedules,
    memory::MemoryBroker,
    schedule::{CatchUp, MemorySchedules, Schedule, ScheduleStore, Scheduler},
    sqlite::{Database, OpenOptions, SqliteSchedules},
};
use jiff::SignedDuration;
use serde_json::json;

struct World {
    clock: Arc<FakeClock>,
    broker: Arc<dyn Broker>,
    store: Arc<dyn ScheduleStore>,
}

impl World {
    fn new(store: Arc<dyn ScheduleStore>) -> Self {
        let clock = Arc::new(FakeClock::new("2026-01-02T03:04:30Z".parse().unwrap()));
        let broker = MemoryBroker::new(clock.clone(), BrokerOptions::default());
        Self {
            clock,
            broker: Arc::new(broker),
            store,
        }
    }

    fn scheduler(&self) -> Scheduler {
        Scheduler::with_clock(
            Arc::clone(&self.broker),
            Arc::clone(&self.store),
            self.clock.clone(),
        )
    }

    async fn put(&self, catch_up: CatchUp) {
        let schedule = minutely(catch_up);
        self.store.put(&schedule, self.clock.now()).await.unwrap();
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    async fn jobs(&self) -> usize {
        let page = self.broker.list(&JobFilter::default(), None, 1_000).await;
        page.unwrap().items.len()
    }
}

fn minutely(catch_up: CatchUp) -> Schedule {
    Schedule {
        name: "minutely".to_owned(),
        cron: "* * * * *".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        job: NewJob::new("test.tick", "default", json!({"n": 1})),
        catch_up,
        paused: false,
    }
}

async fn stores() -> Vec<(Arc<dyn ScheduleStore>, Option<tempfile::TempDir>)> {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path().join("queue.db"), OpenOptions::default())
        .await
        .unwrap();
    let url = servers::postgres::shared().await;
    let postgres = servers::postgres::connect(&url).await;
    vec![
        (Arc::new(MemorySchedules::default()), None),
        (Arc::new(SqliteSchedules::new(database)), Some(folder)),
        (Arc::new(PostgresSchedules::new(postgres)), None),
    ]
}

#[tokio::test]
async fn a_store_keeps_what_it_is_given() {
    for (store, _keep) in stores().await {
        let world = World::new(store);
        let store = &world.store;
        let now = world.clock.now();
        world.put(CatchUp::All).await;
        let stored = store.get("minutely").await.unwrap().unwrap();
        let mut expected = minutely(CatchUp::All);
        expected.job.id = stored.schedule.job.id;
        assert_eq!(stored.schedule, expected);
        assert_eq!(stored.seen_to, now);
        let later = now + SignedDuration::from_mins(5);
        store.advance("minutely", later).await.unwrap();
        store.advance("minutely", now).await.unwrap();
        world.pass(600);
        world.put(CatchUp::Skip).await;
        assert!(store.set_paused("minutely", true).await.unwrap());
        let listed = store.list().await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(
            listed[0].seen_to, later,
            "a change makes no tick fire again"
        );
        assert_eq!(listed[0].schedule.catch_up, CatchUp::Skip);
        assert!(listed[0].schedule.paused);
        let mut wrong = minutely(CatchUp::One);
        wrong.cron = "never".to_owned();
        assert!(store.put(&wrong, now).await.is_err());
        assert!(store.remove("minutely").await.unwrap());
        assert!(!store.remove("minutely").await.unwrap());
        assert!(!store.set_paused("minutely", true).await.unwrap());
    }
}

#[tokio::test]
async fn two_schedulers_fire_each_tick_once() {
    for (store, _keep) in stores().await {
        let world = World::new(store);
        world.put(CatchUp::One).await;
        for minute in 1..=5 {
            world.pass(60);
            let (one, two) = (world.scheduler(), world.scheduler());
            let (one, two) = futures::future::join(one.step(), two.step()).await;
            let fired = one.unwrap().fired + two.unwrap().fired;
            assert_eq!(fired, 1);
            assert_eq!(world.jobs().await, minute);
        }
        assert_eq!(world.scheduler().step().await.unwrap().fired, 0);
    }
}

#[tokio::test]
async fn missed_ticks_are_made_up_for_as_the_policy_says() {
    for (policy, minutes, expected) in [
        (CatchUp::One, 10, 1),
        (CatchUp::All, 10, 10),
        (CatchUp::All, 500, 100),
    ] {
        let world = World::new(Arc::new(MemorySchedules::default()));
        world.put(policy).await;
        world.pass(60 * minutes);
        let stepped = world.scheduler().step().await.unwrap();
        assert_eq!(stepped.fired, expected, "{policy:?}");
        world.pass(60);
        let stepped = world.scheduler().step().await.unwrap();
        assert_eq!(stepped.fired, 1, "{policy:?}: the next one is in time");
    }
}

#[tokio::test]
async fn late_ticks_are_skipped_where_the_policy_says_so() {
    let world = World::new(Arc::new(MemorySchedules::default()));
    let mut hourly = minutely(CatchUp::Skip);
    hourly.cron = "0 * * * *".to_owned();
    let now = world.clock.now();
    world.store.put(&hourly, now).await.unwrap();
    world.pass(3 * 3600);
    assert_eq!(world.scheduler().step().await.unwrap().fired, 0);
    assert_eq!(world.jobs().await, 0);
    let stored = world.store.get("minutely").await.unwrap().unwrap();
    assert!(stored.seen_to > now, "and are not looked at again");
}

#[tokio::test]
async fn a_paused_schedule_never_makes_up_for_its_pause() {
    let world = World::new(Arc::new(MemorySchedules::default()));
    world.put(CatchUp::All).await;
    world.store.set_paused("minutely", true).await.unwrap();
    world.pass(600);
    assert_eq!(world.scheduler().step().await.unwrap().fired, 0);
    world.store.set_paused("minutely", false).await.unwrap();
    assert_eq!(world.scheduler().step().await.unwrap().fired, 0);
    world.pass(60);
    assert_eq!(world.scheduler().step().await.unwrap().fired, 1);
}

#[tokio::test]
async fn the_service_runs_until_it_is_stopped() {
    let broker = MemoryBroker::new(
        Arc::new(graphmill_queue::clock::SystemClock),
        BrokerOptions::default(),
    );
    let broker: Arc<dyn Broker> = Arc::new(broker);
    let store = Arc::new(MemorySchedules::default());
    let mut secondly = minutely(CatchUp::One);
    secondly.cron = "* * * * * *".to_owned();
    let now = graphmill_queue::clock::SystemClock.now();
    store.put(&secondly, now).await.unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let scheduler = Scheduler::new(Arc::clone(&broker), store);
    let running = tokio::spawn(scheduler.run(stop.clone()));
    let fired = async {
        loop {
            let page = broker.list(&JobFilter::default(), None, 10).await.unwrap();
            if page.items.len() >= 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), fired)
        .await
        .expect("it fires every second");
    stop.cancel();
    running.await.unwrap();
}
