//! What tells why a job does not run: limits, places in line, workers.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Fixture, KIND, QUEUE, job, retryable};
use crate::{
    Error, JobId, JobState, NewJob, Outcome, Priority, WorkerId,
    broker::{Limits, Placement, Scope},
    why::{Reason, Why, why},
    workers::{WorkerInfo, WorkerKind, WorkerQueue},
};

fn queue() -> Scope {
    Scope::Queue(QUEUE.to_owned())
}

pub async fn scopes_are_described(f: &Fixture) {
    f.accept(job()).await;
    assert_eq!(f.broker.scopes().await.unwrap(), []);
    let limits = Limits {
        concurrency: Some(3),
        rate_per_s: Some(2.0),
        burst: 1,
        weight: None,
    };
    let weight = Limits {
        weight: Some(7),
        ..Limits::default()
    };
    let tenant = Scope::Tenant("acme".to_owned());
    f.broker.set_limits(queue(), limits).await.unwrap();
    f.broker.set_limits(tenant.clone(), weight).await.unwrap();
    let kind = Scope::Kind(KIND.to_owned());
    f.broker.set_paused(kind.clone(), true).await.unwrap();
    let rules = f.broker.scopes().await.unwrap();
    let told: Vec<_> = rules
        .iter()
        .map(|rule| (rule.scope.clone(), rule.paused, rule.limits))
        .collect();
    assert_eq!(
        told,
        [
            (queue(), false, limits),
            (kind.clone(), true, Limits::default()),
            (tenant.clone(), false, weight),
        ]
    );
    assert!(rules.iter().all(|rule| rule.opens_at.is_none()));
    // A bucket that was emptied says when it has the next token.
    f.broker.set_paused(kind, false).await.unwrap();
    let lease = f.fetch(1).await.remove(0);
    let started_at = lease.job.started_at.unwrap();
    let rules = f.broker.scopes().await.unwrap();
    let opens_at = rules[0].opens_at.unwrap();
    assert_eq!(opens_at - started_at, SignedDuration::from_millis(500));
    f.broker
        .set_limits(tenant, Limits::default())
        .await
        .unwrap();
    assert_eq!(f.broker.scopes().await.unwrap().len(), 1);
}

pub async fn a_ready_job_knows_its_place(f: &Fixture) {
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(f.accept(job()).await);
    }
    let urgent = NewJob {
        priority: Priority::Urgent,
        ..job()
    };
    f.accept(urgent).await;
    let low = NewJob {
        priority: Priority::Low,
        ..job()
    };
    let low = f.accept(low).await;
    let ahead = async |id| {
        let place = f.broker.placement(id).await.unwrap();
        place.map(|place: Placement| {
            assert!(place.exact);
            place.ahead
        })
    };
    assert_eq!(ahead(ids[0]).await, Some(1));
    assert_eq!(ahead(ids[4]).await, Some(5));
    assert_eq!(ahead(low).await, Some(6));
    f.broker.cancel(ids[1]).await.unwrap();
    assert_eq!(ahead(ids[4]).await, Some(4), "who has left is not counted");
    assert_eq!(ahead(ids[1]).await, None);
    let fetched = f.fetch(2).await;
    assert_eq!(fetched.len(), 2);
    assert_eq!(ahead(ids[4]).await, Some(2));
    assert_eq!(ahead(fetched[1].job.id()).await, None);
    assert_eq!(ahead(JobId::new()).await, None);
}

pub async fn ready_jobs_are_counted_by_what_a_worker_must_know(f: &Fixture) {
    for (version, tenant) in [(1, "a"), (1, "a"), (2, "a"), (1, "b")] {
        f.accept(NewJob {
            schema_version: version,
            tenant: tenant.to_owned(),
            ..job()
        })
        .await;
    }
    let counted: Vec<_> = f
        .broker
        .ready()
        .await
        .unwrap()
        .into_iter()
        .map(|jobs| (jobs.schema_version, jobs.tenant, jobs.jobs))
        .collect();
    let expected = [(1, "a", 2), (1, "b", 1), (2, "a", 1)];
    assert_eq!(
        counted,
        expected.map(|(version, tenant, jobs)| (version, tenant.to_owned(), jobs))
    );
}

fn worker(name: &str, now: Timestamp) -> WorkerInfo {
    WorkerInfo {
        id: WorkerId::new(name),
        host: "host".to_owned(),
        pid: 7,
        version: "1.2.3".to_owned(),
        queues: vec![WorkerQueue {
            queue: QUEUE.to_owned(),
            slots: 4,
            busy: 1,
        }],
        kinds: vec![WorkerKind {
            kind: KIND.to_owned(),
            schema_version: 1,
        }],
        rss_bytes: Some(1 << 20),
        started_at: now,
        seen_at: now,
        last_fetch_at: None,
        draining: false,
    }
}

pub async fn workers_are_believed_for_as_long_as_they_said(f: &Fixture) {
    let id = f.accept(job()).await;
    let now = f.get(id).await.submitted_at;
    let minute = Duration::from_mins(1);
    for (name, ttl) in [("b", minute), ("a", minute * 2), ("c", minute)] {
        f.broker
            .report_worker(&worker(name, now), ttl)
            .await
            .unwrap();
    }
    let names = async || {
        let workers = f.broker.workers().await.unwrap();
        let names = workers.iter().map(|worker| worker.id.as_str().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["a", "b", "c"]);
    let mut gone = worker("c", now);
    gone.draining = true;
    f.broker.report_worker(&gone, Duration::ZERO).await.unwrap();
    assert_eq!(names().await, ["a", "b"], "who leaves is out at once");
    (f.advance)(minute).await;
    assert_eq!(names().await, ["a"], "who is silent is out in time");
    f.broker
        .report_worker(&worker("a", now), minute)
        .await
        .unwrap();
    let seen = f.broker.workers().await.unwrap().remove(0);
    assert_eq!(seen.seen_at, now + SignedDuration::from_mins(1));
    let expected = WorkerInfo {
        seen_at: seen.seen_at,
        ..worker("a", now)
    };
    assert_eq!(seen, expected);
}

async fn reasons(f: &Fixture, id: JobId) -> Why {
    let why = why(&f.broker, id).await.unwrap();
    assert!(!why.to_string().is_empty());
    let json = serde_json::to_string(&why).unwrap();
    assert_eq!(serde_json::from_str::<Why>(&json).unwrap(), why);
    why
}

pub async fn a_job_says_why_it_is_not_running(f: &Fixture) {
    let id = f.accept(job()).await;
    let now = f.get(id).await.submitted_at;
    let has = |why: &Why, is: fn(&Reason) -> bool| {
        assert!(why.reasons.iter().any(is), "{why:?}");
    };
    let why = reasons(f, id).await;
    has(&why, |reason| {
        matches!(reason, Reason::NoCapableWorker { workers: 0, .. })
    });
    has(&why, |reason| {
        matches!(
            reason,
            Reason::InLine {
                ahead: 0,
                exact: true,
                ..
            }
        )
    });
    let minute = Duration::from_mins(1);
    f.broker
        .report_worker(&worker("w", now), minute)
        .await
        .unwrap();
    f.broker.set_paused(queue(), true).await.unwrap();
    let why = reasons(f, id).await;
    has(&why, |reason| {
        matches!(
            reason,
            Reason::Paused {
                of: Scope::Queue(_)
            }
        )
    });
    assert_eq!(why.reasons.len(), 2, "{why:?}");
    f.broker.set_paused(queue(), false).await.unwrap();
    let lease = f.fetch_one(id).await;
    let why = reasons(f, id).await;
    has(
        &why,
        |reason| matches!(reason, Reason::Leased { worker: Some(worker), .. } if worker.as_str() == "tester"),
    );
    let limits = Limits {
        concurrency: Some(1),
        rate_per_s: Some(0.5),
        ..Limits::default()
    };
    f.broker.set_limits(queue(), limits).await.unwrap();
    let second = f.accept(job()).await;
    let acme = NewJob {
        tenant: "acme".to_owned(),
        ..job()
    };
    f.accept(acme).await;
    let why = reasons(f, second).await;
    has(&why, |reason| {
        matches!(
            reason,
            Reason::Capped {
                running: 1,
                limit: 1,
                ..
            }
        )
    });
    has(
        &why,
        |reason| matches!(reason, Reason::TenantShare { tenants: 2, share, .. } if (*share - 0.5).abs() < 1e-9),
    );
    let mut newer = job();
    newer.schema_version = 9;
    let newer = f.accept(newer).await;
    let why = reasons(f, newer).await;
    has(&why, |reason| {
        matches!(
            reason,
            Reason::NoCapableWorker {
                newest_known: Some(1),
                ..
            }
        )
    });
    let waits = NewJob {
        depends_on: vec![id, second],
        ..job()
    };
    let waits = f.accept(waits).await;
    let why = reasons(f, waits).await;
    has(&why, |reason| {
        matches!(reason, Reason::WaitsOn { open: 2, .. })
    });
    f.outcome(&lease, retryable()).await;
    let why = reasons(f, id).await;
    has(
        &why,
        |reason| matches!(reason, Reason::DueAt { error: Some(error), attempt: 1, .. } if error.code == "test.failed"),
    );
    f.broker.cancel(id).await.unwrap();
    let why = reasons(f, id).await;
    assert_eq!(why.state, JobState::Cancelled);
    has(&why, |reason| {
        matches!(
            reason,
            Reason::Ended {
                dead_reason: None,
                ..
            }
        )
    });
    // The bucket has one token, which the next start takes.
    let lease = f.fetch(1).await.remove(0);
    f.outcome(&lease, Outcome::done()).await;
    let why = reasons(f, newer).await;
    has(&why, |reason| matches!(reason, Reason::Rate { .. }));
    let missing = crate::why::why(&f.broker, JobId::new()).await;
    assert!(matches!(missing, Err(Error::NotFound(_))));
}
