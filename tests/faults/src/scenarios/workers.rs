//! Worker processes that die, are replaced, or stand still.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use graphmill_queue::JobState;
use graphmill_servers::redis::{Persistence, Redis};
use rand::Rng;
use serde_json::json;

use crate::{
    arena::{AMPLE, Arena, Run},
    checker::judge,
    report::Report,
    submits::Expected,
    worker::Act,
};

const ROOM_TO_RESCUE: Duration = Duration::from_secs(2);

/// 1: kill -9 of one of three workers, again and again.
pub(super) async fn killed_mid_job(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::on(&redis.url(), &run);
    arena.args.crash_budget = AMPLE;
    let jobs: usize = run.pick(600, 4_000, 30_000);
    let every = Duration::from_millis(run.pick(500, 1_000, 2_000));
    let kills = run.pick(4, 12, 60);
    arena.start_workers(3).await;
    let times: Vec<u64> = (0..jobs)
        .map(|_| arena.random.random_range(20..180))
        .collect();
    arena
        .submit_acts(times.into_iter().map(Act::effect_after))
        .await;
    for _ in 0..kills {
        tokio::time::sleep(every).await;
        arena.journal.read();
        let victim = arena.random.random_range(0..3);
        arena.crew.replace(victim);
    }
    arena.drained().await;
    let mut report = judge(&mut arena, &[&redis]).await;
    let reruns = arena.journal.count('S').saturating_sub(jobs);
    let most = kills * arena.args.slots;
    report.check(reruns <= most, || {
        format!("{reruns} re-runs after {kills} kills")
    });
    report.note(format!("{kills} kills, {reruns} re-runs (at most {most})"));
    if let Some(worst) = arena.journal.worst_rerun(&arena.crew.deaths) {
        report.recovered(worst, run.lease() + ROOM_TO_RESCUE);
    }
    report
}

/// 2: the worker dies when the effect is there and the ack is not.
pub(super) async fn killed_before_ack(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::on(&redis.url(), &run);
    arena.args.crash_budget = AMPLE;
    arena.args.slots = 1;
    arena.args.die_before_ack = 0.04;
    let jobs = run.pick(150, 600, 3_000);
    arena
        .submit_acts((0..jobs).map(|_| Act::effect_after(2)))
        .await;
    arena.start_workers(3).await;
    arena.drained().await;
    let mut report = judge(&mut arena, &[&redis]).await;
    let deaths = arena.crew.deaths.len() as u64;
    report.check(report.duplicated <= deaths, || {
        format!("{deaths} kills with one slot")
    });
    report.note(format!("{deaths} kills"));
    report
}

/// 3: the worker dies when it has fetched and has not started.
pub(super) async fn killed_before_start(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::on(&redis.url(), &run);
    arena.args.crash_budget = AMPLE;
    arena.args.slots = 4;
    arena.args.die_before_start = 0.04;
    let jobs = run.pick(150, 600, 3_000);
    let ids = arena
        .submit_acts((0..jobs).map(|_| Act::effect_after(2)))
        .await;
    arena.start_workers(3).await;
    arena.drained().await;
    let mut report = judge(&mut arena, &[&redis]).await;
    for id in ids {
        let record = arena.get(id).await;
        report.check(record.attempt == 1, || {
            format!("{id} was charged: attempt {}", record.attempt)
        });
    }
    report.note(format!("{} kills", arena.crew.deaths.len()));
    report
}

/// 5: each worker in turn is asked to end, and replaced, while jobs keep coming.
pub(super) async fn rolling_restart(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::on(&redis.url(), &run);
    let (rounds, batch) = run.pick((1, 150), (3, 300), (10, 1_000));
    arena.start_workers(3).await;
    let mut ids = Vec::new();
    let mut slowest = Duration::ZERO;
    for _ in 0..rounds * 3 {
        ids.extend(
            arena
                .submit_acts((0..batch).map(|n| Act::effect_after(n % 60)))
                .await,
        );
        arena.start_workers(1).await;
        let begun = Instant::now();
        let status = arena.crew.dismiss(0).await;
        slowest = slowest.max(begun.elapsed());
        assert!(status.success(), "a worker ended with {status}");
    }
    arena.drained().await;
    let mut report = judge(&mut arena, &[&redis]).await;
    report.check(report.duplicated == 0, || "an effect came twice".to_owned());
    for id in ids {
        let record = arena.get(id).await;
        report.check((record.attempt, record.crashes) == (1, 0), || {
            format!(
                "{id} was charged: attempt {}, crashes {}",
                record.attempt, record.crashes
            )
        });
    }
    let refused: u64 = arena.journal.all('X').map(|line| line.note).sum();
    report.check(refused == 0, || format!("{refused} attempts were refused"));
    report.note(format!(
        "{} restarts, the slowest took {:.1} s",
        rounds * 3,
        slowest.as_secs_f64()
    ));
    report
}

/// 6: a job that saves its checkpoint, and one that obeys nothing, both longer than the grace.
pub(super) async fn term_with_long_job(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::on(&redis.url(), &run);
    arena.args.grace_ms = run.pick(1_000, 2_000, 5_000);
    let step_ms = run.pick(50, 200, 1_000);
    let steps = 60;
    let stubborn = Act::Effect {
        ms: 0,
        first_ms: 600_000,
        result: true,
    };
    let ids = arena
        .submit_acts([Act::Steps { steps, step_ms }, stubborn])
        .await;
    arena.start_workers(1).await;
    arena.journal.until_about('P', ids[0], 10).await;
    arena.journal.until_about('S', ids[1], 1).await;
    let begun = Instant::now();
    let status = arena.crew.dismiss(0).await;
    let took = begun.elapsed();
    assert!(status.success(), "the worker ended with {status}");
    let mut notes = Vec::new();
    for id in &ids {
        let record = arena.get(*id).await;
        if (record.state, record.attempt, record.crashes) != (JobState::Ready, 0, 0) {
            notes.push(format!(
                "{id} was not given back without a charge: {record:?}"
            ));
        }
    }
    arena.start_workers(1).await;
    arena.drained().await;
    let mut report = judge(&mut arena, &[&redis]).await;
    report.violations.extend(notes);
    report.check(report.duplicated == 0, || "an effect came twice".to_owned());
    let mut times: BTreeMap<u64, usize> = BTreeMap::new();
    for line in arena.journal.about('P', ids[0]) {
        *times.entry(line.note).or_default() += 1;
    }
    report.check(
        times.len() == 60 && times.values().all(|times| *times == 1),
        || format!("steps were taken {times:?} times"),
    );
    let record = arena.get(ids[0]).await;
    let from = record
        .result
        .map_or(json!(0), |result| result["from"].clone());
    report.check(from.as_u64() >= Some(10), || {
        format!("it began again at {from}")
    });
    report.note(format!(
        "resumed at step {from} of {steps}; the worker ended {:.1} s after SIGTERM, grace {} s",
        took.as_secs_f64(),
        arena.args.grace_ms / 1_000
    ));
    report
}

/// 7: SIGSTOP past the lease, then SIGCONT when another worker has done the job.
pub(super) async fn frozen_and_thawed(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut report = Report::default();
    let mut arena = Arena::on(&redis.url(), &run);
    for _ in 0..run.pick(1, 5, 20) {
        arena.start_workers(1).await;
        let act = Act::Effect {
            ms: 300,
            first_ms: 0,
            result: true,
        };
        let id = arena.submit_acts([act]).await[0];
        arena.journal.until_about('S', id, 1).await;
        arena.crew.members[0].process.signal("STOP");
        let frozen = Instant::now();
        arena.start_workers(1).await;
        arena.journal.until_about('S', id, 2).await;
        report.recovered(frozen.elapsed(), run.lease() + ROOM_TO_RESCUE);
        let second = arena.crew.name(1);
        let record = arena
            .until(id, |record| record.state == JobState::Completed)
            .await;
        report.check(
            record.worker.as_ref().is_none_or(|w| w.as_str() == second),
            || format!("{:?} has it", record.worker),
        );
        let first = arena.crew.name(0);
        arena.crew.members[0].process.signal("CONT");
        // It ends its attempt before it ends itself.
        assert!(arena.crew.dismiss(0).await.success());
        let text = format!("{first} has ended");
        arena
            .journal
            .until(&text, |journal| {
                journal.all('X').any(|line| line.worker == first)
            })
            .await;
        let refused = arena
            .journal
            .all('X')
            .find(|line| line.worker == first)
            .map(|line| line.note);
        report.check(refused == Some(1), || {
            format!("{first} was refused {refused:?} times")
        });
        assert!(arena.crew.dismiss(0).await.success());
        arena.submits.expect(id, Expected::Completed);
    }
    let mut judged = judge(&mut arena, &[&redis]).await;
    judged.runs = 0;
    report.runs = 1;
    report.add(judged);
    report
}
