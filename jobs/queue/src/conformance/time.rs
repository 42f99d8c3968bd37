//! What time does to jobs.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{CRASH_BUDGET, Fixture, LEASE, job, retryable};
use crate::{
    DeadReason, JobId, JobState, NewJob, Outcome,
    broker::{AttemptEnd, Finished, Lease, LeaseRef, Renewal, Renewed, Retention},
    job::{ErrorClass, Progress},
};

/// The broker's present instant, learnt from a job it accepts and ends.
async fn now(f: &Fixture) -> Timestamp {
    let id = f
        .accept(NewJob::new("test.clock", "clock", json!(null)))
        .await;
    f.broker.cancel(id).await.unwrap().submitted_at
}

fn secs(secs: i64) -> SignedDuration {
    SignedDuration::from_secs(secs)
}

pub async fn a_scheduled_job_becomes_ready_at_its_time(f: &Fixture) {
    let now = now(f).await;
    let past = f
        .accept(NewJob {
            run_at: Some(now - secs(60)),
            ..job()
        })
        .await;
    assert_eq!(f.state(past).await, JobState::Ready, "the past means now");
    f.broker.cancel(past).await.unwrap();
    let id = f
        .accept(NewJob {
            run_at: Some(now + secs(60)),
            ..job()
        })
        .await;
    assert_eq!(f.state(id).await, JobState::Scheduled);
    f.pass(Duration::from_secs(59)).await;
    assert!(f.fetch(1).await.is_empty());
    f.pass(Duration::from_secs(1)).await;
    f.fetch_one(id).await;
}

fn expiring(now: Timestamp) -> NewJob {
    NewJob {
        expires_at: Some(now + secs(60)),
        ..job()
    }
}

pub async fn a_job_that_is_not_started_in_time_is_dead(f: &Fixture) {
    let id = f.accept(expiring(now(f).await)).await;
    f.pass(Duration::from_mins(1)).await;
    let record = f.get(id).await;
    assert_eq!(record.state, JobState::Dead);
    assert_eq!(record.dead_reason, Some(DeadReason::Expired));
    assert_eq!(record.errors[0].class, ErrorClass::Expired);
}

pub async fn an_expired_job_is_not_fetched_before_the_tick(f: &Fixture) {
    f.accept(expiring(now(f).await)).await;
    (f.advance)(Duration::from_mins(1)).await;
    assert!(f.fetch(1).await.is_empty());
}

pub async fn a_started_job_no_longer_expires_but_its_deadline_holds(f: &Fixture) {
    let now = now(f).await;
    let id = f
        .accept(NewJob {
            deadline: Some(now + secs(120)),
            ..expiring(now)
        })
        .await;
    let lease = f.fetch_one(id).await;
    f.outcome(&lease, Outcome::Released).await;
    f.pass(Duration::from_mins(1)).await;
    assert_eq!(f.state(id).await, JobState::Ready);
    f.pass(Duration::from_mins(1)).await;
    assert_eq!(f.get(id).await.dead_reason, Some(DeadReason::Expired));
}

fn renewal(lease: &Lease) -> Renewal {
    Renewal {
        lease: LeaseRef {
            id: lease.job.id(),
            epoch: lease.epoch,
        },
        progress: None,
        checkpoint: None,
    }
}

pub async fn a_renewed_lease_is_kept_and_a_lost_one_is_told(f: &Fixture) {
    let id = f.accept(job()).await;
    let lease = f.fetch_one(id).await;
    let mut with_news = renewal(&lease);
    with_news.progress = Some(Progress {
        done: 1,
        total: 2,
        ..Progress::default()
    });
    with_news.checkpoint = Some(json!([1]));
    for _ in 0..5 {
        (f.advance)(LEASE / 2).await;
        let answers = f.broker.renew(LEASE, &[with_news.clone()]).await.unwrap();
        assert_eq!(answers, [Renewed::Kept]);
        assert!(f.broker.rescue_expired(10).await.unwrap().is_empty());
    }
    let record = f.get(id).await;
    assert_eq!(record.progress.done, 1);
    assert_eq!(record.checkpoint, Some(json!([1])));
    let mut unknown = renewal(&lease);
    unknown.lease.id = JobId::new();
    (f.advance)(LEASE).await;
    f.broker.rescue_expired(10).await.unwrap();
    let answers = f
        .broker
        .renew(LEASE, &[renewal(&lease), unknown])
        .await
        .unwrap();
    assert_eq!(answers, [Renewed::Lost; 2]);
}

pub async fn a_lost_lease_is_rescued_without_a_charge(f: &Fixture) {
    let id = f.accept(job()).await;
    let lease = f.fetch_one(id).await;
    (f.advance)(LEASE.saturating_sub(Duration::from_millis(1))).await;
    assert!(f.broker.rescue_expired(10).await.unwrap().is_empty());
    (f.advance)(Duration::from_millis(1)).await;
    let rescued = f.broker.rescue_expired(10).await.unwrap();
    assert_eq!(rescued.len(), 1);
    assert_eq!((rescued[0].id, rescued[0].state), (id, JobState::Ready));
    assert_eq!(rescued[0].worker, lease.job.worker);
    let record = f.get(id).await;
    assert_eq!((record.attempt, record.crashes), (0, 1));
    assert_eq!(record.errors[0].class, ErrorClass::Crash);
    let late = f.finish(&lease, AttemptEnd::Outcome(Outcome::done())).await;
    assert_eq!(late, Finished::Refused, "even before somebody else has it");
    let again = f.fetch_one(id).await;
    assert_eq!(
        f.outcome(&again, Outcome::done()).await,
        JobState::Completed
    );
}

pub async fn a_job_that_loses_too_many_leases_is_dead(f: &Fixture) {
    let id = f.accept(job()).await;
    for crash in 1..=CRASH_BUDGET + 1 {
        f.fetch_one(id).await;
        (f.advance)(LEASE).await;
        let rescued = f.broker.rescue_expired(10).await.unwrap();
        let expected = if crash > CRASH_BUDGET {
            JobState::Dead
        } else {
            JobState::Ready
        };
        assert_eq!(rescued[0].state, expected);
    }
    let record = f.get(id).await;
    assert_eq!(record.dead_reason, Some(DeadReason::Crashed));
    assert_eq!(record.crashes, CRASH_BUDGET + 1);
}

pub async fn rescue_ends_a_job_whose_cancel_was_asked_for(f: &Fixture) {
    let id = f.accept(job()).await;
    f.fetch_one(id).await;
    f.broker.cancel(id).await.unwrap();
    (f.advance)(LEASE).await;
    let rescued = f.broker.rescue_expired(10).await.unwrap();
    assert_eq!(rescued[0].state, JobState::Cancelled);
}

pub async fn prune_deletes_what_is_over_and_only_that(f: &Fixture) {
    let retention = Retention {
        completed: Duration::from_secs(10),
        cancelled: Duration::from_secs(20),
        dead: Duration::from_secs(30),
        events: Duration::from_secs(5),
    };
    let done = f.accept(job()).await;
    let lease = f.fetch_one(done).await;
    f.outcome(&lease, Outcome::done()).await;
    let cancelled = f.accept(job()).await;
    f.broker.cancel(cancelled).await.unwrap();
    let dead = f
        .accept(NewJob {
            max_attempts: 1,
            ..job()
        })
        .await;
    let lease = f.fetch_one(dead).await;
    f.outcome(&lease, retryable()).await;
    let live = f.accept(job()).await;
    assert_eq!(f.broker.prune(&retention, 10).await.unwrap(), 0);
    for gone in [done, cancelled, dead] {
        (f.advance)(Duration::from_secs(10)).await;
        assert_eq!(f.broker.prune(&retention, 10).await.unwrap(), 1);
        assert_eq!(f.broker.get(gone).await.unwrap(), None);
        f.audit().await;
    }
    assert_eq!(f.state(live).await, JobState::Ready);
    assert!(f.broker.events(0, 100).await.unwrap().is_empty());
    assert_eq!(f.broker.audit().await.unwrap().pruned, 3);
}
