//! What people do with single jobs, and with many by a filter.

use std::{sync::Arc, time::Duration};

use futures::TryStreamExt;
use jiff::SignedDuration;
use serde_json::json;

use super::{Fixture, KIND, MAX_BYTES, QUEUE, job, job_with, retryable};
use crate::{
    Error, JobId, JobState, NewJob, Outcome,
    broker::{JobFilter, Verdict},
    job::{Unique, UniqueUntil},
    operate::{Extent, Operation, operate, operate_within, purge},
    outcome::JobError,
    transfer::{export, import},
};

fn is_conflict<T: std::fmt::Debug>(
    result: &Result<T, Error>,
    in_state: JobState,
    of: &'static str,
) -> bool {
    matches!(result, Err(Error::Conflict { state, verb, .. }) if *state == in_state && *verb == of)
}

pub async fn an_ended_job_is_deleted_and_counts_as_pruned(f: &Fixture) {
    let id = f.accept(job()).await;
    assert!(is_conflict(
        &f.broker.delete(id).await,
        JobState::Ready,
        "delete"
    ));
    let lease = f.fetch_one(id).await;
    assert!(is_conflict(
        &f.broker.delete(id).await,
        JobState::Running,
        "delete"
    ));
    f.outcome(&lease, Outcome::done()).await;
    let stays = f.accept(job()).await;
    f.broker.delete(id).await.unwrap();
    assert_eq!(f.broker.get(id).await.unwrap(), None);
    assert!(matches!(f.broker.delete(id).await, Err(Error::NotFound(named)) if named == id));
    let audit = f.broker.audit().await.unwrap();
    assert_eq!((audit.accepted, audit.pruned, audit.present), (2, 1, 1));
    let all = f
        .broker
        .list(&JobFilter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(all.items.len(), 1);
    assert_eq!(all.items[0].id(), stays);
}

pub async fn a_deleted_job_leaves_a_key_that_outlives_it(f: &Fixture) {
    let unique = Unique {
        key: "k".to_owned(),
        until: UniqueUntil::TtlMs(60_000),
    };
    let with_key = NewJob {
        unique: Some(unique),
        ..job()
    };
    let id = f.accept(with_key.clone()).await;
    f.broker.cancel(id).await.unwrap();
    f.broker.delete(id).await.unwrap();
    let again = NewJob {
        id: JobId::new(),
        ..with_key
    };
    assert_eq!(
        f.submit(again).await,
        Verdict::Duplicate {
            id,
            state: JobState::Cancelled
        }
    );
}

pub async fn a_deleted_job_may_be_submitted_again_and_is_leased_once(f: &Fixture) {
    let new = job();
    f.accept(new.clone()).await;
    f.broker.cancel(new.id).await.unwrap();
    f.broker.delete(new.id).await.unwrap();
    f.accept(new.clone()).await;
    let leases = f.fetch(10).await;
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].job.id(), new.id);
}

pub async fn a_snoozed_job_runs_at_its_new_time(f: &Fixture) {
    let id = f.accept(job()).await;
    let at = f.get(id).await.submitted_at + SignedDuration::from_secs(60);
    let record = f.broker.snooze(id, at).await.unwrap();
    assert_eq!((record.state, record.run_at), (JobState::Scheduled, at));
    assert!(f.fetch(10).await.is_empty());
    // Later, then sooner again.
    f.broker
        .snooze(id, at + SignedDuration::from_secs(60))
        .await
        .unwrap();
    f.pass(Duration::from_mins(1)).await;
    assert!(f.fetch(10).await.is_empty());
    f.broker
        .snooze(id, at + SignedDuration::from_secs(1))
        .await
        .unwrap();
    f.pass(Duration::from_secs(1)).await;
    let leases = f.fetch(10).await;
    assert_eq!(leases.len(), 1, "it stands in line once");
    assert!(is_conflict(
        &f.broker.snooze(id, at).await,
        JobState::Running,
        "snooze"
    ));
    f.outcome(&leases[0], retryable()).await;
    let record = f.broker.snooze(id, at).await.unwrap();
    assert_eq!(record.attempt, 1, "attempts spent stay spent");
    f.pass(Duration::ZERO).await;
    let lease = f.fetch_one(id).await;
    assert_eq!(lease.job.attempt, 2, "an instant that has passed is due");
    f.outcome(&lease, Outcome::done()).await;
    assert!(is_conflict(
        &f.broker.snooze(id, at).await,
        JobState::Completed,
        "snooze"
    ));
    let holder = f.accept(job()).await;
    let waits = NewJob {
        depends_on: vec![holder],
        ..job()
    };
    let waits = f.accept(waits).await;
    assert!(is_conflict(
        &f.broker.snooze(waits, at).await,
        JobState::Waiting,
        "snooze"
    ));
}

pub async fn a_job_that_left_its_place_and_came_back_is_leased_once(f: &Fixture) {
    let id = f.accept(job()).await;
    f.broker.cancel(id).await.unwrap();
    f.broker.retry(id).await.unwrap();
    let at = f.get(id).await.submitted_at;
    f.broker.snooze(id, at).await.unwrap();
    f.pass(Duration::from_secs(1)).await;
    let leases = f.fetch(10).await;
    assert_eq!(leases.len(), 1);
    assert!(f.fetch(10).await.is_empty());
}

pub async fn a_dead_job_gets_another_payload(f: &Fixture) {
    let unique = Unique {
        key: "k".to_owned(),
        until: UniqueUntil::TtlMs(3_600_000),
    };
    let id = f
        .accept(NewJob {
            unique: Some(unique.clone()),
            ..job_with(json!({"path": "wrong"}))
        })
        .await;
    let right = json!({"path": "right"});
    assert!(is_conflict(
        &f.broker.set_payload(id, right.clone()).await,
        JobState::Ready,
        "set_payload"
    ));
    let lease = f.fetch_one(id).await;
    let error = JobError::new("test.dead", "dead");
    f.outcome(&lease, Outcome::Permanent(error)).await;
    let large = json!("x".repeat(MAX_BYTES));
    let refused = f.broker.set_payload(id, large).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    let record = f.broker.set_payload(id, right.clone()).await.unwrap();
    assert_eq!(
        (record.state, &record.spec.payload),
        (JobState::Dead, &right)
    );
    assert_eq!(f.get(id).await.spec.payload, right);
    // What is the same job now is told by the new payload.
    let with = |payload| NewJob {
        unique: Some(unique.clone()),
        ..job_with(payload)
    };
    assert!(matches!(
        f.submit(with(right.clone())).await,
        Verdict::Duplicate { .. }
    ));
    assert!(matches!(
        f.submit(with(json!({"path": "wrong"}))).await,
        Verdict::Conflict { .. }
    ));
    f.broker.retry(id).await.unwrap();
    assert_eq!(f.fetch_one(id).await.job.spec.payload, right);
    let missing = JobId::new();
    for error in [
        f.broker.set_payload(missing, json!(1)).await.map(drop),
        f.broker.snooze(missing, record.run_at).await.map(drop),
        f.broker.delete(missing).await,
    ] {
        assert!(matches!(error, Err(Error::NotFound(named)) if named == missing));
    }
}

fn of_state(state: JobState) -> JobFilter {
    JobFilter {
        states: vec![state],
        ..JobFilter::default()
    }
}

pub async fn an_operation_by_filter_reports_what_it_did(f: &Fixture) {
    for n in 0..40 {
        let tags = vec![if n % 4 == 0 { "odd" } else { "even" }.to_owned()];
        f.accept(NewJob { tags, ..job() }).await;
    }
    let odd = JobFilter {
        tag: Some("odd".to_owned()),
        ..JobFilter::default()
    };
    let dry = operate(&f.broker, &odd, Operation::Cancel, true, |_| {})
        .await
        .unwrap();
    assert_eq!((dry.matched, dry.changed, dry.dry_run), (10, 10, true));
    assert_eq!(count(f, JobState::Ready).await, 40, "a dry run is dry");
    let mut told = 0;
    let done = operate(&f.broker, &odd, Operation::Cancel, false, |_| told += 1)
        .await
        .unwrap();
    assert_eq!((done.matched, done.changed), (10, 10));
    assert!(told > 0);
    assert_eq!(count(f, JobState::Cancelled).await, 10);
    let all = JobFilter::default();
    let deleted = operate(&f.broker, &all, Operation::Delete, false, |_| {})
        .await
        .unwrap();
    assert_eq!((deleted.matched, deleted.changed), (40, 10));
    assert_eq!(deleted.refused["job.conflict"], 30);
    let at = f.get(newest(f).await).await.submitted_at + SignedDuration::from_secs(60);
    let snoozed = operate(&f.broker, &all, Operation::Snooze(at), false, |_| {})
        .await
        .unwrap();
    assert_eq!(snoozed.changed, 30);
    let promoted = operate(
        &f.broker,
        &of_state(JobState::Scheduled),
        Operation::Promote,
        false,
        |_| {},
    )
    .await
    .unwrap();
    assert_eq!(promoted.changed, 30);
    assert_eq!(count(f, JobState::Ready).await, 30);
}

pub async fn an_operation_in_parts_goes_on_where_it_stopped(f: &Fixture) {
    let jobs = (0..2_100).map(|_| job()).collect();
    f.broker.submit(jobs, false).await.unwrap();
    (f.advance)(Duration::from_millis(5)).await;
    let (mut changed, mut from, mut calls) = (0, None, 0);
    loop {
        let extent = Extent {
            from,
            budget: Some(Duration::ZERO),
            progress: &mut |_| {},
        };
        let all = JobFilter::default();
        let part = operate_within(&f.broker, &all, Operation::Cancel, false, extent);
        let (report, next) = part.await.unwrap();
        changed += report.changed;
        calls += 1;
        if calls == 1 {
            f.accept(job()).await;
        }
        // As a client would keep it.
        from = next.map(|place| place.to_string().parse().unwrap());
        if from.is_none() {
            break;
        }
    }
    assert_eq!(changed, 2_100, "in {calls} calls");
    assert!(calls > 1);
    assert_eq!(count(f, JobState::Ready).await, 1, "what came later stays");
}

async fn newest(f: &Fixture) -> JobId {
    let page = f.broker.list(&JobFilter::default(), None, 1).await;
    page.unwrap().items[0].id()
}

async fn count(f: &Fixture, state: JobState) -> u64 {
    let counts = f.broker.counts(&of_state(state)).await.unwrap();
    counts.iter().map(|(_, count)| count).sum()
}

pub async fn a_purge_empties_one_queue(f: &Fixture) {
    let ended = f.accept(job()).await;
    let lease = f.fetch_one(ended).await;
    f.outcome(&lease, Outcome::done()).await;
    let running = f.accept(job()).await;
    let lease = f.fetch_one(running).await;
    let waiting = NewJob {
        depends_on: vec![running],
        ..job()
    };
    f.accept(waiting).await;
    for _ in 0..5 {
        f.accept(job()).await;
    }
    let elsewhere = NewJob::new(KIND, "other", json!(null));
    let elsewhere = f.accept(elsewhere).await;
    let report = purge(&f.broker, QUEUE, false, |_| {}).await.unwrap();
    assert_eq!((report.matched, report.changed), (8, 8));
    let left = f
        .broker
        .list(&JobFilter::default(), None, 10)
        .await
        .unwrap();
    let mut left: Vec<_> = left.items.iter().map(crate::JobRecord::id).collect();
    left.sort_unstable();
    assert_eq!(left, [running, elsewhere]);
    assert!(f.get(running).await.cancel_requested);
    f.outcome(&lease, Outcome::Cancelled).await;
}

pub async fn what_was_exported_can_be_imported(f: &Fixture) {
    let first = f.accept(job_with(json!({"n": 1}))).await;
    let second = NewJob {
        depends_on: vec![first],
        tags: vec!["t".to_owned()],
        ..job_with(json!({"text": "zwei\nZeilen"}))
    };
    let second = f.accept(second).await;
    let lines: Vec<String> = export(Arc::clone(&f.broker), JobFilter::default())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(lines.len(), 2);
    let mut text = lines.join("\n");
    text.push_str("\n\nno job\n");
    let before = f.get(second).await;
    let mut verdicts = Vec::new();
    let report = import(&f.broker, text.as_bytes(), |line| verdicts.push(line))
        .await
        .unwrap();
    assert_eq!(
        (report.lines, report.duplicates, report.rejected),
        (3, 2, 1)
    );
    purge(&f.broker, QUEUE, false, |_| {}).await.unwrap();
    verdicts.clear();
    let report = import(&f.broker, text.as_bytes(), |line| verdicts.push(line))
        .await
        .unwrap();
    assert_eq!((report.accepted, report.rejected), (2, 1));
    let lines: Vec<_> = verdicts.iter().map(|line| line.line).collect();
    assert_eq!(lines, [1, 2, 4]);
    let after = f.get(second).await;
    assert_eq!(after.spec, before.spec);
    assert_eq!(
        after.state,
        JobState::Waiting,
        "the order of lines is no matter"
    );
    assert_eq!(f.state(first).await, JobState::Ready);
}
