//! Many callers want different things of the same job.

use std::{collections::HashMap, sync::Arc};

use futures::future::join_all;
use graphmill_queue::{
    Broker, BrokerOptions, Error, JobId, JobState,
    broker::Verdict,
    redis::{RedisBroker, RedisOptions},
};
use graphmill_servers::redis::{Persistence, Redis};
use rand::Rng;

use crate::{
    arena::{AMPLE, Arena, Run, new_job},
    checker::judge,
    report::Report,
    submits::Expected,
    worker::Act,
};

/// 29: while workers run jobs, fail some and are killed, every job is cancelled or retried at a random moment.
pub(super) async fn cancel(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::on(&redis.url(), &run);
    arena.args.crash_budget = AMPLE;
    arena.start_workers(3).await;
    let jobs = run.pick(300, 2_000, 20_000);
    let mut submits = Vec::new();
    for n in 0..jobs {
        let act = match n % 3 {
            0 => Act::Fail { times: 2 },
            _ => Act::effect_after(arena.random.random_range(0..40)),
        };
        submits.push(new_job(act));
    }
    let mut ids = Vec::new();
    for submits in submits.chunks(10_000) {
        ids.extend(arena.submit(submits.to_vec(), Expected::Ended).await);
    }
    let broker = arena.broker.clone();
    let mut calls: Vec<(u64, JobId, bool)> = ids
        .iter()
        .flat_map(|id| [(*id, false), (*id, false), (*id, true)])
        .map(|(id, retry)| {
            (
                arena.random.random_range(0..run.pick(2_000, 8_000, 60_000)),
                id,
                retry,
            )
        })
        .collect();
    calls.sort_unstable_by_key(|(at, ..)| *at);
    let begun = tokio::time::Instant::now();
    let meddler = tokio::spawn(async move {
        for (at, id, retry) in calls {
            tokio::time::sleep_until(begun + std::time::Duration::from_millis(at)).await;
            let answer = if retry {
                broker.retry(id).await
            } else {
                broker.cancel(id).await
            };
            match answer {
                Ok(_) | Err(Error::Conflict { .. }) => {}
                Err(error) => panic!("{id}: {error}"),
            }
        }
    });
    while !meddler.is_finished() {
        let victim = arena.random.random_range(0..3);
        arena.crew.replace(victim);
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    }
    meddler.await.unwrap();
    arena.drained().await;
    let mut report = judge_retried(&mut arena, &redis).await;
    check_events(&arena, &mut report).await;
    report
}

/// As [`judge`]; a job that was retried by hand may rightly have its effect again.
async fn judge_retried(arena: &mut Arena, redis: &Redis) -> Report {
    arena.forgets = true;
    let report = judge(arena, &[redis]).await;
    Report {
        duplicated: 0,
        ..report
    }
}

/// The last event of a job is its state; nothing but a retry follows a terminal one.
async fn check_events(arena: &Arena, report: &mut Report) {
    let mut last: HashMap<JobId, JobState> = HashMap::new();
    let mut after = 0;
    loop {
        let events = arena.broker.events(after, 1_000).await.unwrap();
        let Some(end) = events.last() else {
            break;
        };
        after = end.seq;
        for event in events {
            let before = last.insert(event.job_id, event.state);
            if before.is_some_and(JobState::is_terminal) {
                report.check(event.state == JobState::Ready, || {
                    format!("{} went from {before:?} to {}", event.job_id, event.state)
                });
            }
        }
    }
    for (id, state) in last {
        let record = arena.get(id).await;
        report.check(record.state == state, || {
            format!("{id} is {}, its last event says {state}", record.state)
        });
        let effect = !arena.journal.about('E', id).is_empty();
        report.check(state != JobState::Completed || effect, || {
            format!("{id} is completed without an effect")
        });
    }
}

/// 31: a thousand submits with one unique key over eight connections; then another body.
pub(super) async fn same_submit(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::on(&redis.url(), &run);
    let clients: Vec<_> = (0..8)
        .map(|_| {
            Arc::new(
                RedisBroker::new(RedisOptions::new(redis.url()), BrokerOptions::default()).unwrap(),
            )
        })
        .collect();
    let rounds = run.pick(3, 10, 50);
    let mut wrong = Vec::new();
    for round in 0..rounds {
        let key = format!("key-{round}");
        let same_id = new_job(Act::effect()).unique_until_done(key.clone());
        let calls = (0..1_000).map(|n| {
            let client = Arc::clone(&clients[n % 8]);
            // Half repeat the whole request, half send it anew under an id of their own.
            let mut job = same_id.clone();
            if n % 2 == 1 {
                job.id = JobId::new();
            }
            arena.submits.trying([job.id]);
            tokio::spawn(async move { client.submit(vec![job], false).await.unwrap().remove(0) })
        });
        let calls: Vec<_> = calls.collect();
        let verdicts: Vec<Verdict> = join_all(calls)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let accepted: Vec<_> = verdicts
            .iter()
            .filter(|v| matches!(v, Verdict::Accepted { .. }))
            .collect();
        let one = verdicts[0].id().unwrap();
        if accepted.len() != 1 || verdicts.iter().any(|verdict| verdict.id() != Some(one)) {
            wrong.push(format!(
                "{} of a thousand were accepted: {accepted:?}",
                accepted.len()
            ));
        }
        arena.submits.accepted([one], Expected::Completed);
        let other = new_job(Act::effect_after(1)).unique_until_done(key);
        let verdict = clients[0]
            .submit(vec![other], false)
            .await
            .unwrap()
            .remove(0);
        if verdict != (Verdict::Conflict { id: one }) {
            wrong.push(format!("another body: {verdict:?}"));
        }
    }
    arena.start_workers(1).await;
    arena.drained().await;
    let mut report = judge(&mut arena, &[&redis]).await;
    report.check(report.submitted == rounds, || format!("{rounds} rounds"));
    report.violations.extend(wrong);
    report
}
