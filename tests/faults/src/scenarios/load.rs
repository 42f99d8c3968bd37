//! Many at once. What matters is that no command of Redis takes long: nothing else runs beside it.

use std::time::{Duration, Instant};

use graphmill_queue::{
    NewJob, Outcome, Priority, WorkerId,
    broker::{AttemptEnd, FetchRequest, Finish, Finished, QueueSlots, Retention},
    clock::{Clock, SystemClock},
};
use graphmill_servers::redis::{Persistence, Redis};
use jiff::SignedDuration;

use crate::{
    arena::{Arena, QUEUE, Run, new_job},
    checker::judge,
    report::Report,
    submits::Expected,
    worker::Act,
};

/// A Redis that notes commands of more than 10 ms.
fn watched() -> Redis {
    let redis = Redis::start(Persistence::None);
    redis.cli(&["CONFIG", "SET", "slowlog-log-slower-than", "10000"]);
    redis.cli(&["CONFIG", "SET", "slowlog-max-len", "1000"]);
    redis
}

/// Judges the slowest command. The target is 10 ms; the small scale runs beside other tests on shared cores, where a command
/// that was interrupted counts with the interruption, so there the violation begins at ten times the target.
fn judge_slow(redis: &Redis, run: &Run, report: &mut Report) {
    // Entries: number, time, µs, arguments, client, name; redis-cli prints one value a line.
    let slow = redis.cli(&["EVAL", "local most, n = 0, 0 for _, e in ipairs(redis.call('SLOWLOG', 'GET', -1)) do \
        local what = string.upper(e[4][1]) if string.sub(what, 1, 4) == 'EVAL' or what == 'EVALSHA' then n = n + 1 most = math.max(most, e[3]) end end \
        return {n, most}", "0"]);
    let numbers: Vec<u64> = slow
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect();
    let [count, most_us] = numbers[..] else {
        panic!("the slow log says {slow:?}");
    };
    let most_allowed_us = run.pick(100_000, 10_000, 10_000);
    report.check(most_us <= most_allowed_us, || {
        format!("a command took {most_us} µs; {most_allowed_us} are allowed")
    });
    report.note(match count {
        0 => "no command took 10 ms".to_owned(),
        _ => format!(
            "{count} commands took more than 10 ms, the longest {:.1} ms",
            most_us as f64 / 1e3
        ),
    });
}

fn request(free: usize) -> FetchRequest {
    FetchRequest {
        worker: WorkerId::new("harness"),
        slots: vec![QueueSlots {
            queue: QUEUE.to_owned(),
            free,
        }],
        kinds: vec![("fault.act".to_owned(), 1)],
        lease: Duration::from_mins(5),
    }
}

/// 25: the harness is the only worker, so that the order of fetches can be seen.
pub(super) async fn due_at_once(run: Run) -> Report {
    let redis = watched();
    let mut arena = Arena::on(&redis.url(), &run);
    let jobs: usize = run.pick(20_000, 100_000, 1_000_000);
    let delay = Duration::from_secs(run.pick(3, 10, 60));
    let due = SystemClock.now() + SignedDuration::try_from(delay).unwrap();
    let begun = Instant::now();
    let mut next = 0;
    while next < jobs {
        let some: Vec<NewJob> = (next..(next + 10_000).min(jobs))
            .map(|n| {
                let mut job = new_job(Act::effect());
                job.priority = Priority::ALL[n % 4];
                job.run_at = Some(due);
                job
            })
            .collect();
        next += some.len();
        arena.submit(some, Expected::Completed).await;
    }
    let mut report = Report::default();
    let early = arena.broker.fetch(&request(10)).await.unwrap();
    report.check(begun.elapsed() > delay || early.is_empty(), || {
        format!("{} jobs ran early", early.len())
    });
    tokio::time::sleep(delay.saturating_sub(begun.elapsed())).await;
    let promoting = Instant::now();
    let mut promoted = 0;
    while promoted + early.len() < jobs {
        promoted += arena.broker.promote_due(1_000).await.unwrap();
        assert!(
            promoting.elapsed() < Duration::from_mins(10),
            "everything is promoted"
        );
    }
    report.note(format!(
        "{promoted} promoted in {:.1} s",
        promoting.elapsed().as_secs_f64()
    ));
    drain_by_hand(
        &mut arena,
        early
            .into_iter()
            .map(|lease| (lease.job.id(), lease.epoch))
            .collect(),
        &mut report,
    )
    .await;
    judge_slow(&redis, &run, &mut report);
    let audit = arena.broker.audit().await.unwrap();
    report.check(
        audit.unaccounted == 0 && audit.accepted == jobs as u64,
        || format!("{audit:?}"),
    );
    report.runs = 1;
    report.submitted = jobs as u64;
    report
}

/// Fetches and completes everything; the order has to be that of the priorities.
async fn drain_by_hand(
    arena: &mut Arena,
    first: Vec<(graphmill_queue::JobId, u64)>,
    report: &mut Report,
) {
    let mut held = first;
    let (mut last, mut done) = (Priority::Urgent, 0);
    loop {
        let finishes: Vec<Finish> = held
            .iter()
            .map(|(id, epoch)| Finish {
                lease: graphmill_queue::broker::LeaseRef {
                    id: *id,
                    epoch: *epoch,
                },
                end: AttemptEnd::Outcome(Outcome::done()),
                checkpoint: None,
                progress: None,
            })
            .collect();
        let (answers, leases) = arena
            .broker
            .finish(&finishes, Some(&request(1_000)))
            .await
            .unwrap();
        done += answers
            .iter()
            .filter(|answer| matches!(answer, Finished::Stored(_)))
            .count();
        for lease in &leases {
            let priority = lease.job.spec.priority;
            report.check(priority >= last, || format!("{priority} came after {last}"));
            last = priority;
        }
        held = leases
            .into_iter()
            .map(|lease| (lease.job.id(), lease.epoch))
            .collect();
        if held.is_empty() {
            break;
        }
    }
    let accepted = arena.submits.all_accepted().len();
    report.lost = (accepted - done) as u64;
    report.check(done == accepted, || {
        format!("{done} of {accepted} were run")
    });
}

/// 26: everything that runs becomes an orphan at the same moment.
pub(super) async fn orphans(run: Run) -> Report {
    let redis = watched();
    let mut arena = Arena::on(&redis.url(), &run);
    let (workers, slots) = run.pick((2, 500), (5, 1_000), (5, 2_000));
    arena.args.slots = slots;
    let act = Act::Effect {
        ms: 0,
        first_ms: 600_000,
        result: false,
    };
    let jobs = workers * slots;
    arena.submit_acts((0..jobs).map(|_| act.clone())).await;
    arena.start_workers(workers).await;
    arena.journal.until_count('S', jobs).await;
    while !arena.crew.members.is_empty() {
        arena.crew.kill(0);
    }
    let died = Instant::now();
    arena.start_workers(1).await;
    arena.journal.until_count('Q', jobs).await;
    let mut report = Report::default();
    report.recovered(died.elapsed(), run.lease() + Duration::from_secs(2));
    arena.drained().await;
    report.add(judge(&mut arena, &[&redis]).await);
    judge_slow(&redis, &run, &mut report);
    report.check(report.duplicated == 0, || "an effect came twice".to_owned());
    report.note(format!("{jobs} orphans"));
    report
}

/// 27: the figures are noted; whether they are flat enough is for a machine of one's own.
pub(super) async fn deep_backlog(run: Run) -> Report {
    let redis = watched();
    let mut arena = Arena::on(&redis.url(), &run);
    let mut report = Report::default();
    let deep = run.pick(20_000, 200_000, 1_000_000);
    let mut percentiles = Vec::new();
    for depth in [1_000, deep] {
        let more = depth - arena.submits.all_accepted().len();
        arena.submit_acts((0..more).map(|_| Act::effect())).await;
        let mut times = Vec::new();
        for _ in 0..run.pick(500, 2_000, 5_000) {
            let job = new_job(Act::effect());
            let begun = Instant::now();
            arena.submit(vec![job], Expected::Completed).await;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        for share in [50, 99] {
            percentiles.push(times[times.len() * share / 100].as_secs_f64() * 1e3);
        }
    }
    report.note(format!(
        "submit p50 {:.2}, p99 {:.2} ms on 1000 ready jobs; {:.2}, {:.2} ms on {deep}",
        percentiles[0], percentiles[1], percentiles[2], percentiles[3]
    ));
    arena.args.slots = 500;
    let begun = Instant::now();
    arena.start_workers(2).await;
    arena.drained().await;
    report.note(format!("drained in {:.1} s", begun.elapsed().as_secs_f64()));
    report.add(judge(&mut arena, &[&redis]).await);
    judge_slow(&redis, &run, &mut report);
    check_memory(&arena, &redis, &mut report).await;
    report
}

/// I6: after everything is pruned nothing is left.
async fn check_memory(arena: &Arena, redis: &Redis, report: &mut Report) {
    let at_once = Retention {
        completed: Duration::ZERO,
        cancelled: Duration::ZERO,
        dead: Duration::ZERO,
        events: Duration::ZERO,
    };
    let mut pruned = 0;
    loop {
        match arena.broker.prune(&at_once, 1_000).await.unwrap() {
            0 => break,
            some => pruned += some,
        }
    }
    let audit = arena.broker.audit().await.unwrap();
    report.check(audit.present == 0 && audit.unaccounted == 0, || {
        format!("after {pruned} were pruned: {audit:?}")
    });
    for key in redis.cli(&["--scan"]).lines() {
        let bytes = redis.cli(&["MEMORY", "USAGE", key, "SAMPLES", "0"]);
        let bytes: u64 = bytes.trim().parse().unwrap_or_default();
        report.check(bytes < 100_000, || {
            format!("{key} still has {bytes} bytes after everything was pruned")
        });
    }
}
