//! What clients do: die in the middle of a call, and send what not every worker understands.

use graphmill_queue::{DeadReason, JobState};
use graphmill_servers::redis::{Persistence, Redis};
use rand::Rng;
use serde_json::json;

use crate::{
    arena::{Arena, PREFIX, QUEUE, Run, new_job},
    checker::judge,
    crew::Process,
    report::Report,
    submits::Expected,
    worker::{Act, BulkArgs, bulk_jobs},
};

/// 32: among jobs that everybody can run are some that only a newer worker can, and some that nobody can.
pub(super) async fn unknown_kinds(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::on(&redis.url(), &run);
    arena.args.slots = 4;
    let (mut plain, mut newer, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..run.pick(80, 400, 4_000) {
        let mut job = new_job(Act::effect());
        match n % 4 {
            0 => {
                "fault.unknown".clone_into(&mut job.kind);
                newer.push(job);
            }
            1 => {
                job.schema_version = 2;
                newer.push(job);
            }
            2 => {
                job.payload = json!({"no_such": "act"});
                unreadable.push(job);
            }
            _ => plain.push(job),
        }
    }
    let newer = arena.submit(newer, Expected::Completed).await;
    arena
        .submit(unreadable, Expected::Dead(DeadReason::Rejected))
        .await;
    let plain = arena.submit(plain, Expected::Completed).await;
    arena.start_workers(2).await;
    arena.journal.until_count('E', plain.len()).await;
    for id in &plain {
        arena
            .until(*id, |record| record.state == JobState::Completed)
            .await;
    }
    let mut report = Report::default();
    for id in &newer {
        let record = arena.get(*id).await;
        report.check(
            (record.state, record.attempt, record.epoch) == (JobState::Ready, 0, 0),
            || {
                format!(
                    "{id} was not left alone: {} attempt {}",
                    record.state, record.attempt
                )
            },
        );
    }
    arena.args.newer = true;
    arena.start_workers(1).await;
    arena.drained().await;
    report.add(judge(&mut arena, &[&redis]).await);
    report.check(arena.crew.deaths.is_empty(), || {
        "a worker died of it".to_owned()
    });
    report
}

/// 33: the broker's half; the API's is that a client repeats its request.
pub(super) async fn killed_in_bulk(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut report = Report::default();
    let mut arena = Arena::on(&redis.url(), &run);
    let rounds = run.pick(2, 5, 20);
    let mut in_the_middle = 0;
    for round in 0..rounds {
        let args = BulkArgs {
            url: redis.url(),
            prefix: PREFIX.to_owned(),
            queue: QUEUE.to_owned(),
            jobs: 10_000,
            seed: run.seed * 1_000 + round,
        };
        let jobs = bulk_jobs(&args);
        arena.submits.trying(jobs.iter().map(|job| job.id));
        let before = arena.broker.audit().await.unwrap().accepted;
        let output = arena.folder().join(format!("client-{round}.txt"));
        let mut client = Process::start(&run.program, "submit", &args, &[], &output);
        // Dies when a random part of the call has arrived.
        let enough = before + arena.random.random_range(1..9_000);
        while arena.broker.audit().await.unwrap().accepted < enough {
            report.check(client.ended().is_none_or(|status| status.success()), || {
                "the client failed".to_owned()
            });
        }
        client.kill();
        let arrived = arena.broker.audit().await.unwrap().accepted - before;
        in_the_middle += u32::from(arrived < 10_000);
        let ids = arena.submit(jobs, Expected::Completed).await;
        report.check(ids.len() == 10_000, || format!("{} ids", ids.len()));
        let accepted = arena.broker.audit().await.unwrap().accepted - before;
        report.check(accepted == 10_000, || {
            format!("{accepted} accepted after {arrived} and the repetition")
        });
    }
    arena.args.slots = 200;
    arena.start_workers(2).await;
    arena.drained().await;
    report.add(judge(&mut arena, &[&redis]).await);
    report.check(report.duplicated == 0, || "an effect came twice".to_owned());
    report.note(format!(
        "{in_the_middle} of {rounds} clients died in the middle of their call"
    ));
    report
}
