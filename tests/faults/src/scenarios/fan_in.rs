//! Jobs that wait for others, which end in every way there is.

use std::time::{Duration, Instant};

use graphmill_queue::{
    DeadReason, JobId, NewJob,
    broker::Retention,
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

const AT_ONCE: Duration = Duration::from_secs(1);

/// 30: a parent for each way in which a child ends, with children in its own queue and in another, and a parent of all.
pub(super) async fn children(run: Run) -> Report {
    let redis = Redis::start(Persistence::None);
    let mut arena = Arena::on(&redis.url(), &run);
    let mut report = Report::default();
    arena.start_workers(2).await;
    let rounds = run.pick(2, 5, 25);
    let gone = pruned_children(&mut arena, rounds).await;
    for pruned in gone {
        for queue in [QUEUE, "children"] {
            round(&mut arena, queue, pruned, &mut report).await;
        }
    }
    arena.drained().await;
    report.add(judge(&mut arena, &[&redis]).await);
    report
}

/// Children that were done and pruned before anybody waited for them.
async fn pruned_children(arena: &mut Arena, count: usize) -> Vec<JobId> {
    let ids = arena.submit_acts((0..count).map(|_| Act::effect())).await;
    arena.drained().await;
    let at_once = Retention {
        completed: Duration::ZERO,
        cancelled: Duration::ZERO,
        dead: Duration::ZERO,
        events: Duration::ZERO,
    };
    assert_eq!(arena.broker.prune(&at_once, 1_000).await.unwrap(), count);
    for id in &ids {
        arena.submits.expect(*id, Expected::Pruned);
    }
    ids
}

async fn round(arena: &mut Arena, queue: &str, pruned: JobId, report: &mut Report) {
    let soon = SystemClock.now() + SignedDuration::from_millis(300);
    let later = SystemClock.now() + SignedDuration::from_hours(1);
    let child = |act: Act| {
        let mut job = new_job(act);
        queue.clone_into(&mut job.queue);
        job.run_at = Some(later);
        job
    };
    let mut expired = child(Act::effect());
    expired.expires_at = Some(soon);
    let cancelled = child(Act::effect());
    let mut ids = vec![expired.id, cancelled.id];
    arena
        .submit(vec![expired], Expected::Dead(DeadReason::Expired))
        .await;
    arena.submit(vec![cancelled], Expected::Cancelled).await;
    if queue == QUEUE {
        // Nobody serves the other queue: there, children end without a worker.
        let mut dead = child(Act::Permanent);
        dead.run_at = Some(soon);
        ids.push(dead.id);
        arena
            .submit(vec![dead], Expected::Dead(DeadReason::Permanent))
            .await;
    }
    let mut parents: Vec<NewJob> = ids.iter().map(|id| parent(vec![*id])).collect();
    parents.push(parent([&ids[..], &[pruned]].concat()));
    let parent_ids = arena.submit(parents, Expected::Completed).await;

    let begun = Instant::now();
    let of_pruned = arena
        .submit(vec![parent(vec![pruned])], Expected::Completed)
        .await[0];
    arena.journal.until_about('S', of_pruned, 1).await;
    report.recovered(begun.elapsed(), AT_ONCE);

    arena.broker.cancel(ids[1]).await.unwrap();
    let mut last = Instant::now();
    for (child, parent) in ids.iter().zip(&parent_ids) {
        arena
            .until(*child, |record| record.state.is_terminal())
            .await;
        last = Instant::now();
        arena.journal.until_about('S', *parent, 1).await;
        report.recovered(last.elapsed(), AT_ONCE);
    }
    arena
        .journal
        .until_about('S', parent_ids[ids.len()], 1)
        .await;
    report.recovered(last.elapsed(), AT_ONCE);
}

fn parent(on: Vec<JobId>) -> NewJob {
    let mut job = new_job(Act::effect());
    job.depends_on = on;
    job
}
