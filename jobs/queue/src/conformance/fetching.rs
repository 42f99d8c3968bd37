//! Leasing jobs.

use std::{collections::HashSet, time::Duration};

use super::{Fixture, KIND, QUEUE, job, request};
use crate::{
    JobState, NewJob, Outcome, Priority,
    broker::{Limits, Scope},
};

fn with_priority(priority: Priority) -> NewJob {
    NewJob { priority, ..job() }
}

pub async fn jobs_come_by_priority_then_by_age(f: &Fixture) {
    let mut expected = Vec::new();
    for priority in Priority::ALL.into_iter().rev() {
        let first = f.accept(with_priority(priority)).await;
        (f.advance)(Duration::from_millis(5)).await;
        let second = f.accept(with_priority(priority)).await;
        expected.splice(0..0, [first, second]);
    }
    let mut fetched = Vec::new();
    for free in [1, 3, 100] {
        fetched.extend(f.fetch(free).await.iter().map(|lease| lease.job.id()));
    }
    assert_eq!(fetched, expected);
}

pub async fn tenants_are_served_in_turns_by_their_weight(f: &Fixture) {
    let of = |tenant: &str| NewJob {
        tenant: tenant.to_owned(),
        ..job()
    };
    let heavy = Limits {
        weight: Some(3),
        ..Limits::default()
    };
    let scope = Scope::Tenant("heavy".to_owned());
    f.broker.set_limits(scope, heavy).await.unwrap();
    for tenant in ["bulk", "heavy"] {
        let jobs = (0..200).map(|_| of(tenant)).collect();
        f.broker.submit(jobs, false).await.unwrap();
    }
    f.accept(of("late")).await;
    let mut fetched: Vec<String> = Vec::new();
    for _ in 0..61 {
        let leases = f.fetch(1).await;
        fetched.extend(leases.into_iter().map(|lease| lease.job.spec.tenant));
    }
    let count = |tenant: &str| fetched.iter().filter(|of| *of == tenant).count();
    assert!(
        fetched.iter().position(|of| of == "late").unwrap() < 5,
        "a tenant's one job does not wait for others' many: {fetched:?}"
    );
    assert!(
        (14..=16).contains(&count("bulk")),
        "60 jobs at weights 1 and 3: {fetched:?}"
    );
    // What is fetched at once evens out.
    for _ in 0..6 {
        let leases = f.fetch(20).await;
        fetched.extend(leases.into_iter().map(|lease| lease.job.spec.tenant));
    }
    let share = fetched.iter().filter(|of| *of == "bulk").count();
    assert!((35..=60).contains(&share), "of 180: {share}");
}

pub async fn a_fetch_counts_the_attempt_and_makes_a_new_epoch(f: &Fixture) {
    let id = f.accept(job()).await;
    let lease = f.fetch_one(id).await;
    assert_eq!(lease.job.state, JobState::Running);
    assert_eq!((lease.job.attempt, lease.epoch, lease.job.epoch), (1, 1, 1));
    assert_eq!(lease.job.worker, Some(crate::WorkerId::new("tester")));
    let until = lease.job.lease_expires_at.expect("a lease ends");
    let begun = lease.job.started_at.expect("it has begun");
    assert_eq!(Duration::try_from(until - begun).unwrap(), super::LEASE);
    assert_eq!(
        f.get(id).await,
        lease.job,
        "what is stored is what was leased"
    );
}

pub async fn a_job_is_leased_once(f: &Fixture) {
    f.broker
        .submit((0..50).map(|_| job()).collect(), false)
        .await
        .unwrap();
    let wanted = request(QUEUE, 10);
    let fetches = (0..10).map(|_| f.broker.fetch(&wanted));
    let leases = futures::future::try_join_all(fetches).await.unwrap();
    let ids: Vec<_> = leases
        .iter()
        .flatten()
        .map(|lease| lease.job.id())
        .collect();
    assert_eq!(ids.len(), 50);
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 50);
    assert!(f.fetch(10).await.is_empty());
}

pub async fn unknown_kinds_and_newer_schemas_stay(f: &Fixture) {
    let mut newer = job();
    newer.schema_version = 2;
    newer.priority = Priority::Urgent;
    let newer = f.accept(newer).await;
    let unknown = f
        .accept(NewJob::new("test.unknown", QUEUE, serde_json::Value::Null))
        .await;
    let known = f.accept(job()).await;
    let fetched: Vec<_> = f.fetch(10).await.iter().map(|l| l.job.id()).collect();
    assert_eq!(fetched, [known]);
    let mut able = request(QUEUE, 10);
    able.kinds = vec![(KIND.to_owned(), 2), ("test.unknown".to_owned(), 9)];
    let fetched: Vec<_> = f
        .broker
        .fetch(&able)
        .await
        .unwrap()
        .iter()
        .map(|l| l.job.id())
        .collect();
    assert_eq!(fetched, [newer, unknown]);
}

pub async fn a_paused_scope_is_not_fetched_from(f: &Fixture) {
    f.accept(job()).await;
    for scope in [
        Scope::Queue(QUEUE.to_owned()),
        Scope::Kind(KIND.to_owned()),
        Scope::Tenant(crate::job::DEFAULT_TENANT.to_owned()),
    ] {
        f.broker.set_paused(scope.clone(), true).await.unwrap();
        assert!(f.fetch(1).await.is_empty(), "{scope:?} is paused");
        f.broker.set_paused(scope, false).await.unwrap();
    }
    assert_eq!(f.fetch(1).await.len(), 1);
}

fn at_most(concurrency: u32) -> Limits {
    Limits {
        concurrency: Some(concurrency),
        ..Limits::default()
    }
}

pub async fn concurrency_limits_hold_over_all_workers(f: &Fixture) {
    f.broker
        .submit((0..20).map(|_| job()).collect(), false)
        .await
        .unwrap();
    let scopes = [
        (Scope::Queue(QUEUE.to_owned()), 7),
        (Scope::Kind(KIND.to_owned()), 5),
        (Scope::Tenant(crate::job::DEFAULT_TENANT.to_owned()), 3),
    ];
    let mut running = Vec::new();
    for (scope, most) in scopes.into_iter().rev() {
        f.broker
            .set_limits(scope.clone(), at_most(most))
            .await
            .unwrap();
        running.extend(f.fetch(10).await);
        running.extend(f.fetch(10).await);
        assert_eq!(running.len(), most as usize, "{scope:?}");
        f.broker.set_limits(scope, Limits::default()).await.unwrap();
    }
    f.broker
        .set_limits(Scope::Queue(QUEUE.to_owned()), at_most(7))
        .await
        .unwrap();
    assert!(f.fetch(10).await.is_empty());
    f.outcome(&running[0], Outcome::done()).await;
    assert_eq!(f.fetch(10).await.len(), 1, "an ended job makes room");
}

pub async fn a_full_tenant_does_not_hide_another(f: &Fixture) {
    let full = Scope::Tenant("full".to_owned());
    f.broker.set_limits(full, at_most(1)).await.unwrap();
    let jobs = (0..50)
        .map(|_| NewJob {
            tenant: "full".to_owned(),
            ..job()
        })
        .collect();
    f.broker.submit(jobs, false).await.unwrap();
    let other = f.accept(job()).await;
    let fetched = f.fetch(10).await;
    assert_eq!(fetched.len(), 2);
    assert!(fetched.iter().any(|lease| lease.job.id() == other));
}

pub async fn a_rate_limit_refills_with_time(f: &Fixture) {
    f.broker
        .submit((0..20).map(|_| job()).collect(), false)
        .await
        .unwrap();
    let limits = Limits {
        rate_per_s: Some(2.0),
        burst: 3,
        ..Limits::default()
    };
    f.broker
        .set_limits(Scope::Queue(QUEUE.to_owned()), limits)
        .await
        .unwrap();
    assert_eq!(f.fetch(10).await.len(), 3, "the bucket is full at first");
    assert!(f.fetch(10).await.is_empty());
    (f.advance)(Duration::from_secs(1)).await;
    assert_eq!(f.fetch(10).await.len(), 2);
    (f.advance)(Duration::from_mins(1)).await;
    assert_eq!(f.fetch(10).await.len(), 3, "it holds no more than its size");
}

pub async fn a_starving_job_overtakes(f: &Fixture) {
    let low = f.accept(with_priority(Priority::Low)).await;
    (f.advance)(Duration::from_mins(2)).await;
    let urgent = (0..40).map(|_| with_priority(Priority::Urgent)).collect();
    f.broker.submit(urgent, false).await.unwrap();
    let mut at = None;
    for n in 0..40 {
        let leases = f.fetch(1).await;
        if leases[0].job.id() == low {
            at = Some(n);
            break;
        }
    }
    assert!(at.is_some_and(|at| at < 16), "fetched at {at:?}");
}

pub async fn waiting_returns_when_a_job_becomes_ready(f: &Fixture) {
    let queues = [QUEUE.to_owned()];
    let wait = f.broker.wait_ready(&queues, Duration::from_secs(30));
    let submit = async {
        tokio::task::yield_now().await;
        f.accept(job()).await
    };
    tokio::time::timeout(Duration::from_secs(20), futures::future::join(wait, submit))
        .await
        .expect("the wait ends with the submit, not with its timeout");
}

pub async fn waiting_remembers_what_became_ready_in_between(f: &Fixture) {
    f.accept(job()).await;
    let queues = [QUEUE.to_owned()];
    let wait = f.broker.wait_ready(&queues, Duration::from_secs(30));
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .expect("what became ready before the call is not missed");
}
