//! Redis itself: restarts, is away, is meddled with.

use std::time::{Duration, Instant};

use graphmill_queue::Error;
use graphmill_servers::redis::{Persistence, Redis};
use tokio::task::block_in_place;

use crate::{
    arena::{AMPLE, Arena, Run, new_job},
    checker::judge,
    report::Report,
    worker::Act,
};

const RESUME: Duration = Duration::from_secs(5);

/// 12: restarts with everything that it acknowledged.
pub(super) async fn restart_with_aof(run: Run) -> Report {
    let mut redis = Redis::start(Persistence::EveryWrite);
    let mut arena = Arena::on(&redis.url(), &run);
    arena.args.crash_budget = AMPLE;
    arena.start_workers(2).await;
    let mut report = Report::default();
    for round in 0..run.pick(2, 4, 10) {
        arena
            .submit_acts((0..run.pick(100, 400, 2_000)).map(|n| Act::effect_after(n % 100)))
            .await;
        let before = arena.journal.count('E');
        arena.journal.until_count('E', before + 10).await;
        if round % 2 == 0 {
            redis.cli(&["SHUTDOWN"]);
        }
        block_in_place(|| redis.kill());
        tokio::time::sleep(Duration::from_millis(300)).await;
        block_in_place(|| redis.resume());
        let back = Instant::now();
        // Enough that a worker which still runs what it had cannot be taken for one that has resumed.
        let before = arena.journal.count('E') + 2 * arena.args.slots;
        let more = arena
            .submit_acts((0..2 * arena.args.slots).map(|_| Act::effect()))
            .await;
        arena.journal.until_count('E', before + more.len()).await;
        report.recovered(back.elapsed(), RESUME);
    }
    arena.drained().await;
    report.add(judge(&mut arena, &[&redis]).await);
    report.check(arena.crew.deaths.is_empty(), || {
        "a worker died of it".to_owned()
    });
    report
}

/// 14: the broker's half; what a ledger accepts meanwhile comes with the ledger.
pub(super) async fn away(run: Run) -> Report {
    let mut redis = Redis::start(Persistence::EveryWrite);
    let mut arena = Arena::on(&redis.url(), &run);
    arena.args.slots = 4;
    arena.start_workers(2).await;
    let away = Duration::from_secs(run.pick(3, 12, 60));
    // Two workers of four slots: the first eight run when Redis goes, end while it is away, and run only once.
    let ids = arena
        .submit_acts((0..40).map(|n| Act::effect_after(if n < 8 { 800 } else { 20 })))
        .await;
    arena.journal.until_count('S', 8).await;
    block_in_place(|| redis.kill());
    let gone = Instant::now();
    let mut report = Report::default();
    let mut slowest = Duration::ZERO;
    while gone.elapsed() < away {
        let begun = Instant::now();
        let answer = arena
            .broker
            .submit(vec![new_job(Act::effect())], false)
            .await;
        slowest = slowest.max(begun.elapsed());
        report.check(matches!(answer, Err(Error::Unavailable(_))), || {
            format!("a submit said {answer:?}")
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    report.check(slowest < Duration::from_secs(10), || {
        format!("a submit took {slowest:?}")
    });
    arena.journal.read();
    let done_meanwhile = arena.journal.count('E');
    report.check(done_meanwhile == 8, || {
        format!("{done_meanwhile} of 8 running jobs ended meanwhile")
    });
    block_in_place(|| redis.resume());
    let back = Instant::now();
    arena.journal.until_count('E', done_meanwhile + 1).await;
    report.recovered(back.elapsed(), RESUME);
    arena.drained().await;
    report.add(judge(&mut arena, &[&redis]).await);
    let mut rescued = 0;
    for id in ids {
        rescued += arena.get(id).await.crashes;
    }
    let twice = report.duplicated;
    report.check(rescued == 0 && twice == 0, || {
        format!("{rescued} jobs were taken from workers that live, {twice} ran twice")
    });
    report.note(format!(
        "away {} s, the slowest refusal took {:.2} s",
        away.as_secs(),
        slowest.as_secs_f64()
    ));
    report
}

/// 17: an operator's commands.
pub(super) async fn interference(run: Run) -> Report {
    let redis = Redis::with(Persistence::None, &["--enable-debug-command", "yes"]);
    let mut arena = Arena::on(&redis.url(), &run);
    arena.args.crash_budget = AMPLE;
    arena.start_workers(2).await;
    let stall = run.lease() * 2;
    let pause_ms = stall.as_millis().to_string();
    let sleep_s = stall.as_secs().to_string();
    let commands: [&[&str]; 4] = [
        &["CLIENT", "KILL", "TYPE", "normal"],
        &["SCRIPT", "FLUSH"],
        &["CLIENT", "PAUSE", &pause_ms, "ALL"],
        &["DEBUG", "SLEEP", &sleep_s],
    ];
    let mut report = Report::default();
    for _ in 0..run.pick(1, 3, 10) {
        for command in commands {
            arena
                .submit_acts((0..200).map(|n| Act::effect_after(n % 50)))
                .await;
            let before = arena.journal.count('E');
            arena.journal.until_count('E', before + 20).await;
            block_in_place(|| redis.cli(command));
            if command[1] == "PAUSE" {
                tokio::time::sleep(stall).await;
            }
            let over = Instant::now();
            let before = arena.journal.count('E');
            arena.submit_acts((0..40).map(|_| Act::effect())).await;
            arena.journal.until_count('E', before + 40).await;
            report.recovered(over.elapsed(), RESUME);
        }
    }
    arena.drained().await;
    report.add(judge(&mut arena, &[&redis]).await);
    report.check(arena.crew.deaths.is_empty(), || {
        "a worker died of it".to_owned()
    });
    report
}
