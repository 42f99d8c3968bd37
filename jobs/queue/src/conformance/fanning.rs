//! Fan-out and fan-in: parents that wait for children, and batches.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::SignedDuration;
use serde_json::json;

use super::{Fixture, KIND, QUEUE, finish, job, job_with, request};
use crate::{
    DeadReason, JobId, JobState, NewJob, Outcome,
    batch::{BatchWriter, JOIN_KIND, batch_counts, children},
    broker::{AttemptEnd, FetchRequest, Verdict},
    job::DEFAULT_TENANT,
    outcome::JobError,
};

/// A settled child always wakes its parent, at once, and the parent sees how each ended.
pub async fn a_parent_learns_how_each_child_ended(f: &Fixture) {
    let deleted = f.accept(job()).await;
    f.broker.cancel(deleted).await.unwrap();
    let now = f.get(deleted).await.submitted_at;
    f.broker.delete(deleted).await.unwrap();
    let done = f.accept(job()).await;
    let dead = f.accept(job()).await;
    let cancelled = f.accept(job()).await;
    let in_time = NewJob {
        expires_at: Some(now + SignedDuration::from_secs(30)),
        run_at: Some(now + SignedDuration::from_secs(60)),
        ..job()
    };
    let expired = f.accept(in_time).await;
    let gone = f.accept(job()).await;
    let parent = NewJob {
        depends_on: vec![deleted, done, dead, cancelled, expired, gone],
        ..job()
    };
    let parent = f.accept(parent).await;
    let leases = f.fetch(10).await;
    assert_eq!(leases.len(), 4);
    f.outcome(&leases[0], Outcome::Done(json!({"words": 3})))
        .await;
    let error = JobError::new("test.dead", "dead");
    f.outcome(&leases[1], Outcome::Permanent(error)).await;
    f.broker.cancel(cancelled).await.unwrap();
    f.outcome(&leases[2], Outcome::Cancelled).await;
    f.outcome(&leases[3], Outcome::done()).await;
    f.broker.delete(gone).await.unwrap();
    assert_eq!(f.state(parent).await, JobState::Waiting);
    f.pass(Duration::from_secs(30)).await;
    assert_eq!(f.state(expired).await, JobState::Dead);
    let lease = f.fetch_one(parent).await;
    let outcomes = children(&*f.broker, &lease.job, 100).await.unwrap();
    let by_id: BTreeMap<_, _> = outcomes.iter().map(|child| (child.id, child)).collect();
    assert_eq!(by_id.len(), 6);
    let told = |id: JobId| {
        let child = by_id[&id];
        (child.state, child.dead_reason, child.error_code.as_deref())
    };
    assert_eq!(told(done), (Some(JobState::Completed), None, None));
    assert_eq!(by_id[&done].result, Some(json!({"words": 3})));
    assert_eq!(
        told(dead),
        (
            Some(JobState::Dead),
            Some(DeadReason::Permanent),
            Some("test.dead")
        )
    );
    assert_eq!(told(cancelled), (Some(JobState::Cancelled), None, None));
    assert_eq!(
        told(expired),
        (
            Some(JobState::Dead),
            Some(DeadReason::Expired),
            Some("job.expired")
        )
    );
    for pruned in [deleted, gone] {
        assert_eq!(told(pruned), (None, None, None));
    }
}

fn with_joins(free: usize) -> FetchRequest {
    let mut request = request(QUEUE, free);
    request.kinds.push((JOIN_KIND.to_owned(), 1));
    request.kinds.push(("test.callback".to_owned(), 1));
    request
}

pub async fn a_batch_calls_back_once_when_all_members_have_settled(f: &Fixture) {
    let id = JobId::new();
    let mut batch = BatchWriter::new(Arc::clone(&f.broker), id, QUEUE, DEFAULT_TENANT);
    for call in 0..3 {
        let jobs = (0..750).map(|n| job_with(json!([call, n]))).collect();
        let verdicts = batch.add(jobs).await.unwrap();
        assert_eq!(verdicts.len(), 750);
    }
    let wrong = NewJob {
        max_attempts: 0,
        ..job()
    };
    let refused = batch.add(vec![wrong]).await.unwrap();
    assert!(matches!(refused[0], Verdict::Rejected { .. }));
    let callback = NewJob::new("test.callback", QUEUE, json!(null));
    let submitted = batch.finish(Some(callback.clone())).await.unwrap();
    assert_eq!((submitted.id, submitted.members), (id, 2_250));
    let again = batch.finish(Some(callback)).await.unwrap();
    assert!(matches!(again.root, Verdict::Duplicate { .. }));
    let mut settled = 0;
    loop {
        let leases = f.broker.fetch(&with_joins(500)).await.unwrap();
        if leases.iter().any(|lease| lease.job.id() == id) {
            assert_eq!(leases.len(), 1, "nothing is left when the root runs");
            assert_eq!(leases[0].job.spec.kind, "test.callback");
            let all = children(&*f.broker, &leases[0].job, 10_000).await.unwrap();
            assert_eq!(all.len(), 2_250);
            assert!(
                all.iter()
                    .all(|child| child.state.is_some_and(JobState::is_terminal))
            );
            break;
        }
        assert!(!leases.is_empty(), "something runs until the root does");
        let ends: Vec<_> = leases
            .iter()
            .enumerate()
            .map(|(n, lease)| {
                let error = JobError::new("test.dead", "dead");
                let outcome = if n % 7 == 0 && lease.job.spec.kind == KIND {
                    Outcome::Permanent(error)
                } else {
                    Outcome::done()
                };
                finish(lease, AttemptEnd::Outcome(outcome))
            })
            .collect();
        settled += ends.len();
        f.broker.finish(&ends, None).await.unwrap();
    }
    assert_eq!(settled, 2_252, "members and two joins");
    let counts = batch_counts(&*f.broker, id).await.unwrap();
    assert_eq!((counts.members, counts.settled), (2_250, 2_250));
}

pub async fn an_empty_batch_calls_back_at_once(f: &Fixture) {
    let id = JobId::new();
    let mut batch = BatchWriter::new(Arc::clone(&f.broker), id, QUEUE, DEFAULT_TENANT);
    let submitted = batch.finish(Some(job())).await.unwrap();
    assert_eq!(submitted.members, 0);
    f.fetch_one(id).await;
}
