//! Accepting jobs.

use std::time::Duration;

use serde_json::json;

use super::{Fixture, MAX_BYTES, job, job_with};
use crate::{
    Error, JobState, NewJob, Outcome,
    broker::{MAX_SUBMIT, Verdict},
    job::{Unique, UniqueUntil},
};

pub async fn a_submit_gives_a_verdict_for_each_job_in_order(f: &Fixture) {
    let good = job();
    let mut bad = job();
    bad.max_attempts = 0;
    let again = good.clone();
    let verdicts = f
        .broker
        .submit(vec![good.clone(), bad, again], false)
        .await
        .unwrap();
    assert_eq!(verdicts[0], Verdict::Accepted { id: good.id });
    assert!(matches!(&verdicts[1], Verdict::Rejected { code, .. } if code == "job.invalid"));
    assert_eq!(
        verdicts[2],
        Verdict::Duplicate {
            id: good.id,
            state: JobState::Ready
        }
    );
    assert!(f.broker.submit(Vec::new(), true).await.unwrap().is_empty());
}

pub async fn a_repeated_submit_is_the_same_job(f: &Fixture) {
    let first = job();
    let id = f.accept(first.clone()).await;
    let lease = f.fetch_one(id).await;
    let state = JobState::Running;
    assert_eq!(
        f.submit(first.clone()).await,
        Verdict::Duplicate { id, state }
    );
    f.outcome(&lease, Outcome::done()).await;
    let state = JobState::Completed;
    assert_eq!(
        f.submit(first.clone()).await,
        Verdict::Duplicate { id, state }
    );
    let mut other = first;
    other.payload = json!({"n": 2});
    assert_eq!(f.submit(other).await, Verdict::Conflict { id });
}

pub async fn all_or_nothing_keeps_everything_out_when_one_is_refused(f: &Fixture) {
    let good = job();
    let mut bad = job();
    bad.tags = vec!["tag".to_owned(); 17];
    let verdicts = f
        .broker
        .submit(vec![good.clone(), bad], true)
        .await
        .unwrap();
    assert_eq!(verdicts[0], Verdict::Accepted { id: good.id });
    assert!(matches!(verdicts[1], Verdict::Rejected { .. }));
    assert_eq!(f.broker.get(good.id).await.unwrap(), None);
    assert!(f.fetch(10).await.is_empty());
}

pub async fn a_job_that_is_wrong_is_rejected_by_the_name_of_its_limit(f: &Fixture) {
    type Spoil = fn(&mut NewJob);
    let cases: [(&str, &str, Spoil); 9] = [
        ("job.payload_too_large", "max_payload_size", |job| {
            job.payload = json!("x".repeat(MAX_BYTES));
        }),
        ("job.invalid", "max_attempts", |job| job.max_attempts = 0),
        ("job.invalid", "max_attempts", |job| job.max_attempts = 101),
        ("job.invalid", "tags", |job| {
            job.tags = vec!["t".to_owned(); 17];
        }),
        ("job.invalid", "kind", |job| job.kind = String::new()),
        ("job.invalid", "queue", |job| job.queue = "q".repeat(1_000)),
        ("job.invalid", "timeout_ms", |job| job.timeout_ms = 0),
        ("job.invalid", "unique key", |job| {
            job.unique = Some(Unique {
                key: "k".repeat(257),
                until: UniqueUntil::Done,
            });
        }),
        ("job.invalid", "depends_on", |job| {
            job.depends_on = (0..1_001).map(|_| crate::JobId::new()).collect();
        }),
    ];
    for (code, limit, spoil) in cases {
        let mut bad = job();
        spoil(&mut bad);
        match f.submit(bad).await {
            Verdict::Rejected { code: got, message } => {
                assert_eq!(got, code);
                assert!(message.contains(limit), "{message:?} names {limit}");
            }
            other => panic!("{limit}: {other:?}"),
        }
    }
}

fn unique(key: &str, until: UniqueUntil) -> NewJob {
    let mut job = job();
    job.unique = Some(Unique {
        key: key.to_owned(),
        until,
    });
    job
}

pub async fn a_unique_key_is_taken_until_the_job_ends(f: &Fixture) {
    let id = f.accept(unique("k", UniqueUntil::Done)).await;
    assert_eq!(
        f.submit(unique("k", UniqueUntil::Done)).await,
        Verdict::Duplicate {
            id,
            state: JobState::Ready
        }
    );
    let mut other = unique("k", UniqueUntil::Done);
    other.payload = json!({"n": 2});
    assert_eq!(f.submit(other.clone()).await, Verdict::Conflict { id });
    let lease = f.fetch_one(id).await;
    f.outcome(&lease, Outcome::done()).await;
    f.accept(other).await;
}

pub async fn a_unique_key_with_a_ttl_outlives_its_job(f: &Fixture) {
    let ttl = || unique("k", UniqueUntil::TtlMs(60_000));
    let id = f.accept(ttl()).await;
    let lease = f.fetch_one(id).await;
    f.outcome(&lease, Outcome::done()).await;
    let duplicate = Verdict::Duplicate {
        id,
        state: JobState::Completed,
    };
    assert_eq!(f.submit(ttl()).await, duplicate);
    let now = Duration::ZERO;
    let retention = crate::broker::Retention {
        completed: now,
        cancelled: now,
        dead: now,
        events: now,
    };
    assert_eq!(f.broker.prune(&retention, 10).await.unwrap(), 1);
    assert_eq!(f.submit(ttl()).await, duplicate, "also when it is pruned");
    (f.advance)(Duration::from_mins(1)).await;
    f.accept(ttl()).await;
}

pub async fn unique_keys_of_tenants_and_kinds_do_not_meet(f: &Fixture) {
    let one = unique("k", UniqueUntil::Done);
    let mut two = unique("k", UniqueUntil::Done);
    "other".clone_into(&mut two.tenant);
    let mut three = unique("k", UniqueUntil::Done);
    "test.other".clone_into(&mut three.kind);
    for job in [one, two, three] {
        f.accept(job).await;
    }
}

pub async fn too_many_jobs_in_one_submit_are_an_error(f: &Fixture) {
    let jobs = (0..=MAX_SUBMIT).map(|_| job()).collect();
    let error = f.broker.submit(jobs, false).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
}

pub async fn ten_thousand_jobs_fit_in_one_submit(f: &Fixture) {
    let jobs: Vec<_> = (0..MAX_SUBMIT).map(|n| job_with(json!({"n": n}))).collect();
    let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
    let verdicts = f.broker.submit(jobs, true).await.unwrap();
    assert!(
        ids.iter()
            .zip(&verdicts)
            .all(|(id, verdict)| *verdict == Verdict::Accepted { id: *id })
    );
    let leases = f.fetch(MAX_SUBMIT).await;
    let fetched: Vec<_> = leases.iter().map(|lease| lease.job.id()).collect();
    assert_eq!(fetched, ids, "in the order of submit");
}
