//! How attempts end.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;

use super::{Fixture, MAX_BYTES, MAX_ERRORS, QUEUE, finish, job, request, retryable};
use crate::{
    DeadReason, JobId, JobState, NewJob, Outcome,
    broker::{AttemptEnd, Finished, Lease},
    job::{Backoff, ErrorClass, Progress},
    outcome::JobError,
};

async fn running(f: &Fixture, job: NewJob) -> Lease {
    let id = f.accept(job).await;
    f.fetch_one(id).await
}

pub async fn a_done_job_keeps_its_result(f: &Fixture) {
    let lease = running(f, job()).await;
    let id = lease.job.id();
    assert_eq!(
        f.outcome(&lease, Outcome::Done(json!({"chunks": 3}))).await,
        JobState::Completed
    );
    let record = f.get(id).await;
    assert_eq!(record.result, Some(json!({"chunks": 3})));
    assert!(record.finished_at.is_some() && record.worker.is_none());
    assert_eq!(record.lease_expires_at, None);
}

pub async fn a_repeated_finish_is_stored_once(f: &Fixture) {
    let lease = running(f, job()).await;
    assert_eq!(f.outcome(&lease, retryable()).await, JobState::Retrying);
    assert_eq!(f.outcome(&lease, retryable()).await, JobState::Retrying);
    assert_eq!(f.get(lease.job.id()).await.errors.len(), 1);
    let one = finish(&lease, AttemptEnd::Outcome(Outcome::done()));
    let (answers, _) = f.broker.finish(&[one.clone(), one], None).await.unwrap();
    assert_eq!(answers, [Finished::Stored(JobState::Retrying); 2]);
}

pub async fn an_older_epoch_is_refused(f: &Fixture) {
    let old = running(f, job()).await;
    f.outcome(&old, Outcome::Released).await;
    let new = f.fetch_one(old.job.id()).await;
    assert!(new.epoch > old.epoch);
    let late = f.finish(&old, AttemptEnd::Outcome(Outcome::done())).await;
    assert_eq!(late, Finished::Refused);
    assert_eq!(f.state(old.job.id()).await, JobState::Running);
    let mut unknown = new.clone();
    unknown.job.spec.id = JobId::new();
    let unknown = f
        .finish(&unknown, AttemptEnd::Outcome(Outcome::done()))
        .await;
    assert_eq!(unknown, Finished::Refused);
}

pub async fn a_failed_job_waits_for_its_backoff_and_dies_after_its_last_attempt(f: &Fixture) {
    let backoff = Backoff {
        base_ms: 1_000,
        max_ms: 4_000,
    };
    let id = f
        .accept(NewJob {
            max_attempts: 3,
            backoff,
            ..job()
        })
        .await;
    for attempt in 1..=3 {
        let lease = f.fetch_one(id).await;
        assert_eq!(lease.job.attempt, attempt);
        let state = f.outcome(&lease, retryable()).await;
        let record = f.get(id).await;
        if attempt == 3 {
            assert_eq!(state, JobState::Dead);
            assert_eq!(record.dead_reason, Some(DeadReason::Attempts));
            break;
        }
        assert_eq!(state, JobState::Retrying);
        assert!(f.fetch(1).await.is_empty(), "not before its time");
        let waits = record.run_at - lease.job.started_at.expect("begun");
        let bound = 1_000_i64 << (attempt - 1);
        assert!(waits.as_millis() <= i128::from(bound));
        f.pass(Duration::from_millis(bound as u64)).await;
    }
    let errors = f.get(id).await.errors;
    let attempts: Vec<_> = errors.iter().map(|error| error.attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert_eq!(errors[0].error.code, "test.failed");
}

pub async fn uncharged_outcomes_give_the_attempt_back(f: &Fixture) {
    let id = f
        .accept(NewJob {
            max_attempts: 1,
            ..job()
        })
        .await;
    for round in 0..3 {
        let lease = f.fetch_one(id).await;
        assert_eq!(lease.job.attempt, 1);
        let later = lease.job.started_at.expect("begun") + SignedDuration::from_secs(10);
        let (outcome, state) = match round {
            0 => (Outcome::Released, JobState::Ready),
            1 => (Outcome::Snooze(later), JobState::Scheduled),
            _ => (Outcome::Throttled(later), JobState::Scheduled),
        };
        assert_eq!(f.outcome(&lease, outcome).await, state);
        let record = f.get(id).await;
        assert_eq!(record.attempt, 0);
        assert!(record.errors.is_empty());
        if state == JobState::Scheduled {
            assert_eq!(record.run_at, later);
            f.pass(Duration::from_secs(9)).await;
            assert!(f.fetch(1).await.is_empty());
            f.pass(Duration::from_secs(1)).await;
        }
    }
    f.fetch_one(id).await;
}

pub async fn a_permanent_error_is_dead_at_once(f: &Fixture) {
    let lease = running(f, job()).await;
    let error = JobError::new("parse.encrypted", "the document is encrypted");
    assert_eq!(
        f.outcome(&lease, Outcome::Permanent(error.clone())).await,
        JobState::Dead
    );
    let record = f.get(lease.job.id()).await;
    assert_eq!(record.dead_reason, Some(DeadReason::Permanent));
    assert_eq!(record.errors[0].error, error);
    assert_eq!(record.errors[0].class, ErrorClass::Permanent);
}

pub async fn classes_of_failure_have_their_own_reasons(f: &Fixture) {
    let failed = |class| AttemptEnd::Failed {
        class,
        error: JobError::new("test.failed", "it failed"),
    };
    let cases = [
        (ErrorClass::Timeout, Some(DeadReason::TimedOut)),
        (ErrorClass::Panic, Some(DeadReason::Attempts)),
        (ErrorClass::Rejected, Some(DeadReason::Rejected)),
        (ErrorClass::Expired, Some(DeadReason::Expired)),
    ];
    for (class, reason) in cases {
        let lease = running(
            f,
            NewJob {
                max_attempts: 1,
                ..job()
            },
        )
        .await;
        assert_eq!(
            f.finish(&lease, failed(class)).await,
            Finished::Stored(JobState::Dead)
        );
        assert_eq!(f.get(lease.job.id()).await.dead_reason, reason, "{class:?}");
    }
    for class in [ErrorClass::Timeout, ErrorClass::Panic] {
        let lease = running(f, job()).await;
        assert_eq!(
            f.finish(&lease, failed(class)).await,
            Finished::Stored(JobState::Retrying)
        );
    }
}

pub async fn a_result_that_is_too_large_is_a_permanent_error(f: &Fixture) {
    let lease = running(f, job()).await;
    let large = Outcome::Done(json!("x".repeat(MAX_BYTES)));
    assert_eq!(f.outcome(&lease, large).await, JobState::Dead);
    let record = f.get(lease.job.id()).await;
    assert_eq!(record.errors[0].error.code, "job.result_too_large");
    assert_eq!(record.result, None);
}

pub async fn errors_are_bounded_and_the_newest_stay(f: &Fixture) {
    let id = f
        .accept(NewJob {
            backoff: Backoff {
                base_ms: 0,
                max_ms: 0,
            },
            ..job()
        })
        .await;
    for _ in 0..MAX_ERRORS + 3 {
        let lease = f.fetch_one(id).await;
        f.outcome(&lease, retryable()).await;
        f.pass(Duration::from_millis(1)).await;
    }
    let attempts: Vec<_> = f.get(id).await.errors.iter().map(|e| e.attempt).collect();
    let newest: Vec<_> = (4..4 + MAX_ERRORS as u32).collect();
    assert_eq!(attempts, newest);
}

pub async fn finish_leases_the_next_job_in_the_same_call(f: &Fixture) {
    let lease = running(f, job()).await;
    let next = f.accept(job()).await;
    let one = finish(&lease, AttemptEnd::Outcome(Outcome::done()));
    let (answers, leases) = f
        .broker
        .finish(&[one], Some(&request(QUEUE, 1)))
        .await
        .unwrap();
    assert_eq!(answers, [Finished::Stored(JobState::Completed)]);
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].job.id(), next);
}

pub async fn one_bad_finish_does_not_harm_the_others(f: &Fixture) {
    let good = running(f, job()).await;
    let mut stale = running(f, job()).await;
    stale.epoch += 7;
    let ends: Vec<_> = [&stale, &good]
        .map(|lease| finish(lease, AttemptEnd::Outcome(Outcome::done())))
        .into();
    let (answers, _) = f.broker.finish(&ends, None).await.unwrap();
    let expected = [Finished::Refused, Finished::Stored(JobState::Completed)];
    assert_eq!(answers, expected);
}

pub async fn progress_and_checkpoint_survive_the_attempt(f: &Fixture) {
    let lease = running(f, job()).await;
    let progress = Progress {
        done: 3,
        total: 7,
        stage: "embed".to_owned(),
        message: String::new(),
    };
    let mut end = finish(&lease, AttemptEnd::Outcome(Outcome::Released));
    end.checkpoint = Some(json!({"page": 3}));
    end.progress = Some(progress.clone());
    f.broker.finish(&[end], None).await.unwrap();
    let again = f.fetch_one(lease.job.id()).await;
    assert_eq!(again.job.checkpoint, Some(json!({"page": 3})));
    assert_eq!(again.job.progress, progress);
    let mut end = finish(&again, AttemptEnd::Outcome(Outcome::Released));
    end.checkpoint = Some(json!("x".repeat(MAX_BYTES)));
    f.broker.finish(&[end], None).await.unwrap();
    let record = f.get(lease.job.id()).await;
    assert_eq!(
        record.checkpoint,
        Some(json!({"page": 3})),
        "one that is too large is not kept"
    );
}
