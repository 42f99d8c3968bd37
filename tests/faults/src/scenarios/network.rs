//! The line between workers and Redis.

use std::time::{Duration, Instant};

use graphmill_queue::{
    Broker, BrokerOptions, JobState,
    broker::JobFilter,
    redis::{RedisBroker, RedisOptions},
};
use graphmill_servers::{
    proxy::Proxy,
    redis::{Persistence, Redis},
};
use rand::Rng;

use crate::{
    arena::{AMPLE, Arena, Run, new_job},
    checker::judge,
    journal::PATIENCE,
    report::Report,
    submits::Expected,
    worker::Act,
};

fn url_of(proxy: &Proxy) -> String {
    format!("redis://127.0.0.1:{}", proxy.port())
}

/// 4: the ack and the fetch behind it arrive, their answers do not.
pub(super) async fn ack_reply_lost(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let proxy = Proxy::start(redis.port());
    let mut arena = Arena::on(&redis.url(), &run);
    arena.args.url = url_of(&proxy);
    arena.args.slots = 4;
    arena.start_workers(1).await;
    let mut report = Report::default();
    // Without an answer a script that the server does not know is never sent: these load them.
    let mut all = arena.submit_acts((0..4).map(|_| Act::effect())).await;
    arena.drained().await;
    for _ in 0..run.pick(3, 10, 40) {
        let ids = arena
            .submit_acts((0..12).map(|_| Act::effect_after(100)))
            .await;
        for id in &ids[..4] {
            arena.journal.until_about('S', *id, 1).await;
        }
        proxy.drop_answers(true);
        let (begun, before) = (Instant::now(), all.len() as u64);
        // The first ack has arrived; with its answer lost, the others wait for it.
        let some_done = || async {
            let done = JobFilter {
                states: vec![JobState::Completed],
                ..JobFilter::default()
            };
            let counts = arena.broker.counts(&done).await.unwrap();
            counts.iter().map(|(_, count)| count).sum::<u64>() > before
        };
        while !some_done().await {
            assert!(begun.elapsed() < PATIENCE, "an ack arrives");
        }
        proxy.cut();
        proxy.drop_answers(false);
        let cut = Instant::now();
        arena.drained().await;
        report.recovered(cut.elapsed(), Duration::from_secs(5));
        all.extend(ids);
    }
    report.add(judge(&mut arena, &[&redis]).await);
    report.check(report.duplicated == 0, || "an effect came twice".to_owned());
    let mut charged = 0;
    for id in all {
        let record = arena.get(id).await;
        charged += record.crashes + record.attempt - 1;
    }
    report.check(charged == 0, || {
        format!("jobs were charged {charged} times for answers that were lost")
    });
    report
}

/// 15: nothing passes, and nobody says so.
pub(super) async fn black_hole(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let proxy = Proxy::start(redis.port());
    let mut arena = Arena::on(&redis.url(), &run);
    arena.args.crash_budget = AMPLE;
    arena.args.url = url_of(&proxy);
    arena.start_workers(2).await;
    let client =
        RedisBroker::new(RedisOptions::new(url_of(&proxy)), BrokerOptions::default()).unwrap();
    client.ping().await.unwrap();
    let ids = arena
        .submit_acts((0..200).map(|n| Act::effect_after(n % 50)))
        .await;
    arena.journal.until_count('E', 20).await;
    proxy.swallow(true);
    let begun = Instant::now();
    let mut report = Report::default();
    let mut slowest = Duration::ZERO;
    let hole = Duration::from_secs(run.pick(3, 10, 30));
    while begun.elapsed() < hole {
        for call in 0..3 {
            let begun = Instant::now();
            let failed = match call {
                0 => client.ping().await.is_err(),
                1 => client.get(ids[0]).await.is_err(),
                _ => client.audit().await.is_err(),
            };
            slowest = slowest.max(begun.elapsed());
            report.check(failed, || {
                "a call through a black hole succeeded".to_owned()
            });
        }
    }
    proxy.swallow(false);
    let over = Instant::now();
    report.check(slowest < Duration::from_secs(15), || {
        format!("a call took {slowest:?}")
    });
    report.note(format!(
        "the slowest call took {:.1} s",
        slowest.as_secs_f64()
    ));
    arena.journal.read();
    let before = arena.journal.count('E');
    arena.journal.until_count('E', before + 1).await;
    report.recovered(over.elapsed(), Duration::from_secs(10));
    arena.drained().await;
    report.add(judge(&mut arena, &[&redis]).await);
    report.check(arena.crew.deaths.is_empty(), || {
        "a worker died of it".to_owned()
    });
    report
}

/// 16: the line is slow, or breaks, or loses answers, for workers and for the client.
pub(super) async fn bad_line(run: Run) -> Report {
    let mut report = Report::default();
    for ms in [1, 10, 200] {
        report.add(slow_line(&run, Duration::from_millis(ms)).await);
    }
    report.add(broken_line(&run).await);
    report.runs = 1;
    report
}

async fn slow_line(run: &Run, round_trip: Duration) -> Report {
    let redis = Redis::start(Persistence::None);
    let proxy = Proxy::start(redis.port());
    let mut arena = Arena::on(&redis.url(), run);
    arena.args.url = url_of(&proxy);
    arena.start_workers(2).await;
    proxy.delay(round_trip / 2);
    let ids = arena
        .submit_acts((0..run.pick(60, 300, 1_000)).map(|n| Act::effect_after(n % 20)))
        .await;
    let long = run.lease().as_millis() as u64 * 2;
    arena
        .submit_acts((0..4).map(|_| Act::effect_after(long)))
        .await;
    arena.drained().await;
    let mut report = judge(&mut arena, &[&redis]).await;
    report.check(report.duplicated == 0, || "an effect came twice".to_owned());
    for id in ids {
        let crashes = arena.get(id).await.crashes;
        report.check(crashes == 0, || {
            format!("{id} was rescued {crashes} times at {round_trip:?}")
        });
    }
    report
}

async fn broken_line(run: &Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let proxy = Proxy::start(redis.port());
    // The client of the arena goes through the proxy too: its submits are repeated when their answers are lost.
    let mut arena = Arena::on(&url_of(&proxy), run);
    arena.args.crash_budget = AMPLE;
    arena.start_workers(2).await;
    let mut submitted = 0;
    for round in 0..run.pick(6, 30, 200) {
        let jobs: Vec<_> = (0..20)
            .map(|n| new_job(Act::effect_after(n % 30)))
            .collect();
        submitted += jobs.len();
        if round % 3 == 2 {
            proxy.drop_answers(true);
        }
        let waits: Vec<u64> = (0..5).map(|_| arena.random.random_range(1..40)).collect();
        let cutter = async {
            for ms in waits {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                proxy.cut();
            }
            proxy.drop_answers(false);
            proxy.cut();
        };
        tokio::join!(cutter, arena.submit(jobs, Expected::Completed));
    }
    arena.drained().await;
    let mut report = judge(&mut arena, &[&redis]).await;
    let accepted = arena.broker.audit().await.unwrap().accepted;
    report.check(accepted == submitted as u64, || {
        format!("{submitted} submitted, {accepted} accepted")
    });
    report.note(format!(
        "{} jobs rescued on the broken line",
        arena.journal.count('Q')
    ));
    report
}
