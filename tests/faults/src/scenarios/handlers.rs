//! Handlers that take their process with them, or do not come back.

use std::time::Duration;

use graphmill_queue::{DeadReason, JobId, job::ErrorClass};
use graphmill_servers::redis::{Persistence, Redis};

use crate::{
    arena::{Arena, Run, new_job},
    checker::judge,
    report::Report,
    submits::Expected,
    worker::Act,
};

/// 8: memory runs out.
pub(super) async fn out_of_memory(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::on(&redis.url(), &run);
    arena.args.memory_mib = 1_024;
    arena.args.crash_budget = run.pick(1, 3, 3);
    let deadly = arena
        .submit_deadly(Act::Allocate, DeadReason::Crashed)
        .await;
    arena
        .submit_acts((0..run.pick(20, 100, 500)).map(|_| Act::effect_after(20)))
        .await;
    arena.start_workers(1).await;
    arena.drained().await;
    let mut report = judge(&mut arena, &[&redis]).await;
    check_crashes(&arena, deadly, &mut report).await;
    report
}

/// 9: the handlers' half; parsers have tests of their own.
pub(super) async fn panic_and_abort(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::on(&redis.url(), &run);
    arena.start_workers(1).await;
    let panics = arena.submit_deadly(Act::Panic, DeadReason::Attempts).await;
    let permanent = arena
        .submit_deadly(Act::Permanent, DeadReason::Permanent)
        .await;
    arena
        .submit_acts([Act::effect(), Act::Fail { times: 2 }])
        .await;
    arena.drained().await;
    let record = arena.get(panics).await;
    let survived = arena.crew.deaths.is_empty();
    let all_panics = record.errors.len() == 5
        && record
            .errors
            .iter()
            .all(|error| error.class == ErrorClass::Panic && error.error.message == "told to");
    let attempts = arena.get(permanent).await.attempt;
    let mut deadly = Vec::new();
    for act in [Act::Abort, Act::Overflow] {
        deadly.push(arena.submit_deadly(act, DeadReason::Crashed).await);
        arena
            .submit_acts((0..10).map(|_| Act::effect_after(20)))
            .await;
        arena.drained().await;
    }
    let mut report = judge(&mut arena, &[&redis]).await;
    report.check(survived, || "a panic ended the worker".to_owned());
    report.check(all_panics, || format!("a panic left {:?}", record.errors));
    report.check(attempts == 1, || {
        format!("a permanent error took {attempts} attempts")
    });
    for id in deadly {
        check_crashes(&arena, id, &mut report).await;
    }
    report
}

/// The cause is with the job.
async fn check_crashes(arena: &Arena, id: JobId, report: &mut Report) {
    let record = arena.get(id).await;
    let wanted = arena.args.crash_budget + 1;
    let shown = record
        .errors
        .iter()
        .filter(|error| error.class == ErrorClass::Crash)
        .count();
    report.check((record.crashes, shown) == (wanted, wanted as usize), || {
        format!("{id} crashed {} times; {:?}", record.crashes, record.errors)
    });
    report.note(format!("dead after {} crashes", record.crashes));
}

/// 10: every thread is blocked for three leases.
pub(super) async fn spin(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::on(&redis.url(), &run);
    arena.args.slots = 4;
    arena.start_workers(2).await;
    let ms = run.lease().as_millis() as u64 * 3;
    let ids = arena
        .submit_acts((0..run.pick(4, 8, 16)).map(|_| Act::Spin { ms }))
        .await;
    arena.drained().await;
    let mut report = judge(&mut arena, &[&redis]).await;
    report.check(report.duplicated == 0, || "an effect came twice".to_owned());
    for id in ids {
        let crashes = arena.get(id).await.crashes;
        report.check(crashes == 0, || format!("{id} was rescued {crashes} times"));
    }
    report
}

/// 11: every slot is taken by a handler that never returns.
pub(super) async fn hang(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::on(&redis.url(), &run);
    arena.args.slots = 4;
    let limit = Duration::from_millis(run.pick(300, 1_000, 5_000));
    let mut hangs = Vec::new();
    for _ in 0..run.pick(4, 16, 64) {
        let mut job = new_job(Act::Hang);
        job.timeout_ms = limit.as_millis() as u64;
        job.max_attempts = 2;
        hangs.push(job);
    }
    arena.start_workers(1).await;
    arena
        .submit(hangs, Expected::Dead(DeadReason::TimedOut))
        .await;
    arena.journal.until_count('S', 4).await;
    arena.submit_acts((0..20).map(|_| Act::effect())).await;
    arena.drained().await;
    let mut report = judge(&mut arena, &[&redis]).await;
    report.check(arena.crew.deaths.is_empty(), || {
        "the worker died".to_owned()
    });
    report
}
