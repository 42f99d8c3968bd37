//! What the ledger in SQL makes up for: Redis comes back empty, is away, or its master forgets.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use graphmill_queue::{
    broker::JobFilter,
    schedule::{CatchUp, Schedule},
};
use graphmill_servers::{
    redis::{Persistence, Redis},
    sentinel::SentinelSet,
};
use jiff::Timestamp;
use tokio::task::block_in_place;

use crate::{
    arena::{AMPLE, Arena, Run, new_job},
    checker::judge,
    report::Report,
    submits::Expected,
    worker::Act,
};

/// What is not provoked yet, and why.
pub const NOT_YET: &[(&str, &str)] = &[
    (
        "9, parsers",
        "hostile documents have tests of their own (`tests/tests/hostile.rs`); here handlers panic and abort",
    ),
    (
        "8, by the kernel",
        "the process dies of a failed allocation (RLIMIT_AS); a container's OOM killer sends the kill -9 of 1",
    ),
    (
        "15, packets",
        "the black hole is a proxy that swallows bytes, not a firewall that drops packets",
    ),
    ("20–23, 34–40", "other parts of the system than the broker"),
];

/// 13: Redis loses everything, by hand and by a restart without persistence.
pub(super) async fn emptied(run: Run) -> Report {
    let mut redis = Redis::start(Persistence::None);
    let mut arena = Arena::with_ledger(&redis.url(), &run).await;
    arena.args.crash_budget = AMPLE;
    arena.forgets = true;
    arena.start_workers(2).await;
    let mut report = Report::default();
    for round in 0..run.pick(2, 4, 6) {
        arena
            .submit_acts((0..run.pick(200, 1_000, 5_000)).map(|n| Act::effect_after(n % 100)))
            .await;
        let before = arena.journal.count('E');
        arena.journal.until_count('E', before + 20).await;
        if round % 2 == 0 {
            redis.cli(&["FLUSHALL"]);
        } else {
            block_in_place(|| redis.kill());
            tokio::time::sleep(Duration::from_millis(300)).await;
            block_in_place(|| redis.resume());
        }
        let back = Instant::now();
        arena.drained().await;
        report.recovered(back.elapsed(), Duration::from_mins(1));
    }
    report.add(judge(&mut arena, &[&redis]).await);
    report.check(arena.crew.deaths.is_empty(), || {
        "a worker died of it".to_owned()
    });
    report
}

/// 14: while Redis is away, the ledger accepts.
pub(super) async fn accepts_while_away(run: Run) -> Report {
    let mut redis = Redis::start(Persistence::EveryWrite);
    let mut arena = Arena::with_ledger(&redis.url(), &run).await;
    arena.start_workers(2).await;
    arena
        .submit_acts((0..100).map(|n| Act::effect_after(n % 20)))
        .await;
    arena.journal.until_count('E', 10).await;
    block_in_place(|| redis.kill());
    let gone = Instant::now();
    let away = Duration::from_secs(run.pick(3, 12, 60));
    let mut report = Report::default();
    let (mut slowest, mut accepted) = (Duration::ZERO, 0);
    while gone.elapsed() < away {
        let jobs = vec![new_job(Act::effect())];
        arena.submits.trying(jobs.iter().map(|job| job.id));
        let begun = Instant::now();
        let answer = arena.broker.submit(jobs, false).await;
        slowest = slowest.max(begun.elapsed());
        let ids = answer.map(|verdicts| verdicts[0].id());
        report.check(matches!(ids, Ok(Some(_))), || {
            format!("a submit said {ids:?}")
        });
        if let Ok(Some(id)) = ids {
            arena.submits.accepted([id], Expected::Completed);
            accepted += 1;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    report.check(slowest < Duration::from_secs(10), || {
        format!("a submit took {slowest:?}")
    });
    arena.journal.read();
    let before = arena.journal.count('E');
    block_in_place(|| redis.resume());
    let back = Instant::now();
    arena.journal.until_count('E', before + 1).await;
    report.recovered(back.elapsed(), Duration::from_secs(5));
    arena.drained().await;
    report.add(judge(&mut arena, &[&redis]).await);
    report.note(format!(
        "away {} s, {accepted} submits accepted by the ledger meanwhile, the slowest in {:.2} s",
        away.as_secs(),
        slowest.as_secs_f64()
    ));
    report
}

/// 18: the master is killed before its replica has everything, and no submit waited for the replica.
pub(super) async fn master_forgets(run: Run) -> Report {
    let mut set = block_in_place(SentinelSet::start);
    let mut arena = Arena::with_ledger(&set.url(), &run).await;
    arena.args.crash_budget = AMPLE;
    arena.forgets = true;
    arena.start_workers(2).await;
    arena
        .submit_acts((0..run.pick(400, 2_000, 10_000)).map(|n| Act::effect_after(n % 50)))
        .await;
    arena.journal.until_count('E', 20).await;
    let old = set.master_port();
    // Accepted at once, before the replica can have all of it.
    arena
        .submit_acts((0..run.pick(1_000, 5_000, 10_000)).map(|_| Act::effect()))
        .await;
    block_in_place(|| set.first.kill());
    let struck = Instant::now();
    while set.master_port() == old {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(struck.elapsed() < Duration::from_mins(2), "a failover ends");
    }
    arena.journal.read();
    let before = arena.journal.count('E') + 2 * arena.args.slots;
    arena.journal.until_count('E', before).await;
    let mut report = Report::default();
    report.recovered(struck.elapsed(), Duration::from_secs(15));
    arena.drained().await;
    report.add(judge(&mut arena, &[&set.second]).await);
    report
}

/// 28: two schedulers and two reconcilers, one of them frozen for a while.
pub(super) async fn two_schedulers(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::with_ledger(&redis.url(), &run).await;
    arena.args.schedules = true;
    arena.args.crash_budget = AMPLE;
    let schedule = Schedule {
        name: "every-second".to_owned(),
        cron: "* * * * * *".to_owned(),
        timezone: "UTC".to_owned(),
        job: new_job(Act::effect()),
        catch_up: CatchUp::All,
        paused: false,
    };
    let begun = Timestamp::from_second(now_s()).unwrap();
    arena.schedules().put(&schedule, begun).await.unwrap();
    arena.start_workers(2).await;
    let seconds = run.pick(6, 20, 60);
    for round in 0..seconds / 2 {
        // By turns, for longer than two ticks.
        let frozen = usize::from(round % 2 == 1);
        arena.crew.members[frozen].process.signal("STOP");
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        arena.crew.members[frozen].process.signal("CONT");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    arena.schedules().remove("every-second").await.unwrap();
    let until = now_s();
    // Nobody but the schedulers knows the ids: what they fired is what the harness expects to have had its effect.
    let mut fired: BTreeMap<String, u32> = BTreeMap::new();
    let page = arena.broker.list(&JobFilter::default(), None, 1_000).await;
    for job in page.unwrap().items {
        let key = job.spec.unique.as_ref().unwrap().key.clone();
        *fired.entry(key).or_default() += 1;
        arena.submits.trying([job.id()]);
        arena.submits.accepted([job.id()], Expected::Completed);
    }
    arena.drained().await;
    let mut report = judge(&mut arena, &[&redis]).await;
    let ticks = (until - begun.as_second()) as usize;
    report.check(fired.values().all(|times| *times == 1), || {
        format!("a tick fired twice: {fired:?}")
    });
    // The last tick may have been too late.
    report.check((ticks - 1..=ticks).contains(&fired.len()), || {
        format!("{} of {ticks} ticks fired", fired.len())
    });
    report.note(format!(
        "{} ticks of two schedulers, each once",
        fired.len()
    ));
    report
}

fn now_s() -> i64 {
    use graphmill_queue::clock::{Clock, SystemClock};
    SystemClock.now().as_second()
}
