//! Cancel, retry, dependencies.

use std::time::Duration;

use serde_json::json;

use super::{Fixture, LEASE, job, retryable};
use crate::{
    Error, JobId, JobState, NewJob, Outcome,
    broker::{AttemptEnd, Finished, LeaseRef, Renewal, Renewed, Verdict},
    outcome::JobError,
};

pub async fn a_waiting_job_is_cancelled_at_once(f: &Fixture) {
    let id = f.accept(job()).await;
    assert_eq!(
        f.broker.cancel(id).await.unwrap().state,
        JobState::Cancelled
    );
    assert_eq!(
        f.broker.cancel(id).await.unwrap().state,
        JobState::Cancelled,
        "again is no error"
    );
    assert!(f.fetch(1).await.is_empty());
}

pub async fn a_running_job_is_told_and_ends_when_it_obeys(f: &Fixture) {
    let id = f.accept(job()).await;
    let lease = f.fetch_one(id).await;
    let record = f.broker.cancel(id).await.unwrap();
    assert_eq!(record.state, JobState::Running);
    assert!(record.cancel_requested);
    let renewal = Renewal {
        lease: LeaseRef {
            id,
            epoch: lease.epoch,
        },
        progress: None,
        checkpoint: None,
    };
    assert_eq!(
        f.broker.renew(LEASE, &[renewal]).await.unwrap(),
        [Renewed::CancelRequested]
    );
    assert_eq!(
        f.outcome(&lease, Outcome::Cancelled).await,
        JobState::Cancelled
    );
    for outcome in [retryable(), Outcome::Released] {
        let id = f.accept(job()).await;
        let lease = f.fetch_one(id).await;
        f.broker.cancel(id).await.unwrap();
        let end = f.finish(&lease, AttemptEnd::Outcome(outcome)).await;
        assert_eq!(
            end,
            Finished::Stored(JobState::Cancelled),
            "it does not run again"
        );
    }
}

pub async fn an_ended_job_is_not_cancelled(f: &Fixture) {
    let id = f.accept(job()).await;
    let lease = f.fetch_one(id).await;
    f.outcome(&lease, Outcome::done()).await;
    let error = f.broker.cancel(id).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Conflict {
                state: JobState::Completed,
                verb: "cancel",
                ..
            }
        ),
        "{error:?}"
    );
}

pub async fn retry_gives_an_ended_job_fresh_attempts(f: &Fixture) {
    let id = f
        .accept(NewJob {
            max_attempts: 1,
            ..job()
        })
        .await;
    let lease = f.fetch_one(id).await;
    f.outcome(&lease, retryable()).await;
    let record = f.broker.retry(id).await.unwrap();
    assert_eq!((record.state, record.attempt), (JobState::Ready, 0));
    assert_eq!((record.dead_reason, record.finished_at), (None, None));
    assert_eq!(record.errors.len(), 1, "its history stays");
    let again = f.fetch_one(id).await;
    assert_eq!(again.job.attempt, 1);
    assert!(again.epoch > lease.epoch);
    let error = f.broker.retry(id).await.unwrap_err();
    assert!(matches!(
        error,
        Error::Conflict {
            state: JobState::Running,
            ..
        }
    ));
}

pub async fn retry_makes_a_waiting_job_run_now(f: &Fixture) {
    let id = f.accept(job()).await;
    let lease = f.fetch_one(id).await;
    f.outcome(&lease, retryable()).await;
    let record = f.broker.retry(id).await.unwrap();
    assert_eq!((record.state, record.attempt), (JobState::Ready, 1));
    assert_eq!(f.fetch_one(id).await.job.attempt, 2);
}

pub async fn retry_respects_a_unique_key_that_is_taken(f: &Fixture) {
    let id = f.accept(job().unique_until_done("k")).await;
    f.broker.cancel(id).await.unwrap();
    let other = f.accept(job().unique_until_done("k")).await;
    let error = f.broker.retry(id).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    f.broker.cancel(other).await.unwrap();
    f.broker.retry(id).await.unwrap();
    assert!(matches!(
        f.submit(job().unique_until_done("k")).await,
        Verdict::Duplicate { .. }
    ));
}

pub async fn a_missing_job_is_named(f: &Fixture) {
    let id = JobId::new();
    for error in [
        f.broker.cancel(id).await.unwrap_err(),
        f.broker.retry(id).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::NotFound(named) if named == id));
    }
    assert_eq!(f.broker.get(id).await.unwrap(), None);
}

fn after(ids: &[JobId]) -> NewJob {
    NewJob {
        depends_on: ids.to_vec(),
        ..job()
    }
}

pub async fn a_job_waits_until_its_dependencies_settle(f: &Fixture) {
    let (a, b, c) = (
        f.accept(job()).await,
        f.accept(job()).await,
        f.accept(job()).await,
    );
    let parent = f.accept(after(&[a, b, c])).await;
    let leases = f.fetch(10).await;
    assert_eq!(leases.len(), 3, "the parent waits");
    assert_eq!(f.state(parent).await, JobState::Waiting);
    f.outcome(&leases[0], Outcome::done()).await;
    let error = JobError::new("test.dead", "dead");
    f.outcome(&leases[1], Outcome::Permanent(error)).await;
    assert_eq!(f.state(parent).await, JobState::Waiting);
    f.outcome(&leases[2], Outcome::Cancelled).await;
    f.fetch_one(parent).await;
}

pub async fn dependencies_that_are_unknown_or_ended_count_as_settled(f: &Fixture) {
    let ended = f.accept(job()).await;
    f.broker.cancel(ended).await.unwrap();
    let parent = f.accept(after(&[ended, JobId::new()])).await;
    assert_eq!(f.state(parent).await, JobState::Ready);
}

pub async fn a_dependency_may_be_in_the_same_submit(f: &Fixture) {
    let child = job();
    let parent = after(&[child.id]);
    let verdicts = f
        .broker
        .submit(vec![child.clone(), parent.clone()], true)
        .await
        .unwrap();
    assert!(
        verdicts
            .iter()
            .all(|v| matches!(v, Verdict::Accepted { .. }))
    );
    let lease = f.fetch_one(child.id).await;
    assert!(f.fetch(1).await.is_empty());
    f.outcome(&lease, Outcome::done()).await;
    f.fetch_one(parent.id).await;
    // The other way round could never end.
    let child = job();
    let parent = after(&[child.id]);
    let verdicts = f.broker.submit(vec![parent, child], false).await.unwrap();
    assert!(matches!(verdicts[0], Verdict::Rejected { .. }));
    assert!(matches!(verdicts[1], Verdict::Accepted { .. }));
}

pub async fn a_dependant_with_a_time_ahead_is_scheduled(f: &Fixture) {
    let child = f.accept(job()).await;
    let lease = f.fetch_one(child).await;
    let at = lease.job.submitted_at + jiff::SignedDuration::from_mins(1);
    let parent = f
        .accept(NewJob {
            run_at: Some(at),
            payload: json!(2),
            ..after(&[child])
        })
        .await;
    assert_eq!(f.state(parent).await, JobState::Waiting);
    f.outcome(&lease, Outcome::done()).await;
    assert_eq!(f.state(parent).await, JobState::Scheduled);
    f.pass(Duration::from_mins(1)).await;
    f.fetch_one(parent).await;
}
