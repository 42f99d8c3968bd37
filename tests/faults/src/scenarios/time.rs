//! Clocks that are wrong, and maintenance by more than one.

use std::{
    collections::HashMap,
    path::Path,
    time::{Duration, Instant},
};

use graphmill_queue::clock::{Clock, SystemClock};
use graphmill_servers::redis::{Persistence, Redis};
use jiff::SignedDuration;

use crate::{
    arena::{Arena, Run, new_job},
    checker::judge,
    report::Report,
    submits::Expected,
    worker::Act,
};

/// The Debian package `faketime` puts it here.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
];

/// 24: the wall clocks of three workers are ten minutes fast, ten minutes slow, and jump between the two.
pub(super) async fn skewed(run: Run) -> Report {
    let Some(library) = LIBRARIES.into_iter().find(|path| Path::new(path).exists()) else {
        let mut report = Report::default();
        report.violation("not run: install the Debian package faketime");
        return report;
    };
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::on(&redis.url(), &run);
    let offset = arena.folder().join("offset.txt");
    std::fs::write(&offset, "+0").unwrap();
    let fake = |what: (&str, String)| {
        vec![
            ("LD_PRELOAD".to_owned(), library.to_owned()),
            // The monotonic clock cannot jump; only what tells the date can.
            ("FAKETIME_DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned()),
            ("FAKETIME_CACHE_DURATION".to_owned(), "1".to_owned()),
            (what.0.to_owned(), what.1),
        ]
    };
    let jumping = offset.display().to_string();
    for what in [
        ("FAKETIME", "+600".to_owned()),
        ("FAKETIME", "-600".to_owned()),
        ("FAKETIME_TIMESTAMP_FILE", jumping),
    ] {
        arena.crew.environment = fake(what);
        arena.start_workers(1).await;
    }
    arena.crew.environment.clear();

    let long = run.lease().as_millis() as u64 * 2;
    let mut all = arena
        .submit_acts((0..6).map(|_| Act::effect_after(long)))
        .await;
    let delay = Duration::from_secs(run.pick(2, 5, 20));
    let run_at = SystemClock.now() + SignedDuration::try_from(delay).unwrap();
    let begun = Instant::now();
    let jobs: Vec<_> = (0..run.pick(100, 1_000, 10_000))
        .map(|_| {
            let mut job = new_job(Act::effect());
            job.run_at = Some(run_at);
            job
        })
        .collect();
    let delayed = arena.submit(jobs, Expected::Completed).await;
    for jump in ["+600", "-600", "+600"] {
        tokio::time::sleep(delay / 4).await;
        std::fs::write(&offset, jump).unwrap();
    }
    arena.drained().await;
    let mut report = judge(&mut arena, &[&redis]).await;
    for id in &delayed {
        for line in arena.journal.about('S', *id) {
            // The server's clock is the machine's, so what the harness saw is comparable, to a millisecond of rounding.
            let early = delay
                .saturating_sub(Duration::from_millis(2))
                .saturating_sub(line.seen - begun);
            report.check(early.is_zero(), || format!("{id} started {early:?} early"));
        }
    }
    all.extend(delayed);
    for id in all {
        let crashes = arena.get(id).await.crashes;
        report.check(crashes == 0, || format!("{id} was rescued {crashes} times"));
    }
    report.check(report.duplicated == 0, || "an effect came twice".to_owned());
    report
}

/// 28: two workers keep the times, one of them stands still; then orphans are there for both.
pub(super) async fn two_maintainers(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::on(&redis.url(), &run);
    let mut report = Report::default();
    // Orphans: a worker that keeps no times takes jobs and dies.
    arena.args.maintenance = false;
    arena.args.slots = 20;
    arena.start_workers(1).await;
    let act = Act::Effect {
        ms: 0,
        first_ms: 600_000,
        result: false,
    };
    let orphans = arena.submit_acts((0..20).map(|_| act.clone())).await;
    arena.journal.until_count('S', 20).await;
    arena.args.maintenance = true;
    arena.start_workers(3).await;
    let run_at = SystemClock.now() + SignedDuration::from_millis(500);
    let jobs: Vec<_> = (0..run.pick(200, 2_000, 10_000))
        .map(|_| {
            let mut job = new_job(Act::effect());
            job.run_at = Some(run_at);
            job
        })
        .collect();
    arena.submit(jobs, Expected::Completed).await;
    let frozen = arena.crew.name(1);
    arena.crew.members[1].process.signal("STOP");
    let died = Instant::now();
    arena.crew.kill(0);
    arena.journal.until_count('Q', 20).await;
    report.recovered(died.elapsed(), run.lease() + Duration::from_secs(2));
    arena.crew.members[0].process.signal("CONT");
    arena.drained().await;
    report.add(judge(&mut arena, &[&redis]).await);
    let mut rescues: HashMap<_, usize> = HashMap::new();
    for line in arena.journal.all('Q') {
        *rescues.entry(line.id.unwrap()).or_default() += 1;
    }
    for id in orphans {
        report.check(rescues.get(&id) == Some(&1), || {
            format!("{id} was rescued {:?} times", rescues.get(&id))
        });
    }
    report.check(report.duplicated == 0, || "an effect came twice".to_owned());
    report.note(format!("{frozen} stood still"));
    report
}
