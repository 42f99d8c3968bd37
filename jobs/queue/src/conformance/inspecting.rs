//! Looking at jobs.

use std::time::Duration;

use super::{Fixture, KIND, QUEUE, job, retryable};
use crate::{
    Error, JobState, JobState as S, NewJob, Outcome,
    broker::{JobFilter, Limits, Scope},
};

pub async fn lists_are_filtered_and_paged_newest_first(f: &Fixture) {
    let mut ids = Vec::new();
    for n in 0..25 {
        let mut new = job();
        if n % 5 == 0 {
            new.tags = vec!["fifth".to_owned()];
            "acme".clone_into(&mut new.tenant);
        }
        ids.push(f.accept(new).await);
    }
    ids.reverse();
    let all = JobFilter::default();
    let mut listed = Vec::new();
    let mut cursor = None;
    loop {
        let page = f.broker.list(&all, cursor.as_deref(), 10).await.unwrap();
        assert!(page.items.len() <= 10);
        listed.extend(page.items.iter().map(crate::JobRecord::id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed, ids);
    let lease = f.fetch(1).await.remove(0);
    f.outcome(&lease, retryable()).await;
    let expect = async |filter: JobFilter, count: usize| {
        let page = f.broker.list(&filter, None, 100).await.unwrap();
        assert_eq!(page.items.len(), count, "{filter:?}");
        let counted: u64 = f
            .broker
            .counts(&filter)
            .await
            .unwrap()
            .iter()
            .map(|c| c.1)
            .sum();
        assert_eq!(counted, count as u64, "{filter:?}");
    };
    let of = |set: fn(&mut JobFilter)| {
        let mut filter = JobFilter::default();
        set(&mut filter);
        filter
    };
    expect(of(|x| x.tag = Some("fifth".to_owned())), 5).await;
    expect(of(|x| x.tenant = Some("acme".to_owned())), 5).await;
    expect(of(|x| x.queue = Some("nowhere".to_owned())), 0).await;
    expect(of(|x| x.kind = Some(KIND.to_owned())), 25).await;
    expect(of(|x| x.states = vec![JobState::Retrying]), 1).await;
    expect(
        of(|x| x.states = vec![JobState::Retrying, JobState::Ready]),
        25,
    )
    .await;
    expect(of(|x| x.error_code = Some("test.failed".to_owned())), 1).await;
    let after = JobFilter {
        submitted_after: Some(lease.job.submitted_at),
        ..JobFilter::default()
    };
    expect(after, 25).await;
    let before = JobFilter {
        submitted_before: Some(lease.job.submitted_at),
        ..JobFilter::default()
    };
    expect(before, 0).await;
}

pub async fn a_bad_cursor_is_an_error(f: &Fixture) {
    let error = f
        .broker
        .list(&JobFilter::default(), Some("no cursor"), 1)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Invalid(_)));
}

pub async fn queues_are_described(f: &Fixture) {
    let id = f.accept(job()).await;
    let lease = f.fetch_one(id).await;
    (f.advance)(Duration::from_secs(4)).await;
    f.outcome(&lease, Outcome::done()).await;
    for _ in 0..3 {
        f.accept(job()).await;
    }
    f.accept(NewJob {
        queue: "other".to_owned(),
        ..job()
    })
    .await;
    let limits = Limits {
        concurrency: Some(4),
        ..Limits::default()
    };
    let scope = Scope::Queue(QUEUE.to_owned());
    f.broker.set_limits(scope.clone(), limits).await.unwrap();
    f.broker.set_paused(scope, true).await.unwrap();
    (f.advance)(Duration::from_secs(7)).await;
    let queues = f.broker.queues().await.unwrap();
    let names: Vec<_> = queues.iter().map(|queue| queue.queue.as_str()).collect();
    assert_eq!(names, [QUEUE, "other"]);
    let queue = &queues[0];
    assert_eq!(queue.counts.len(), JobState::ALL.len());
    assert!(queue.counts.contains(&(JobState::Ready, 3)));
    assert!(queue.counts.contains(&(JobState::Completed, 1)));
    let oldest = queue.oldest_ready_s.expect("jobs are ready");
    assert!((7.0..8.0).contains(&oldest), "{oldest}");
    assert!(
        (11.0..14.0).contains(&queue.backlog_s),
        "{}",
        queue.backlog_s
    );
    assert!(queue.paused);
    assert_eq!(queue.limits, limits);
    assert!(!queues[1].paused);
}

pub async fn events_tell_every_state_in_order(f: &Fixture) {
    let id = f.accept(job()).await;
    let lease = f.fetch_one(id).await;
    f.outcome(&lease, retryable()).await;
    f.broker.retry(id).await.unwrap();
    let lease = f.fetch_one(id).await;
    f.outcome(&lease, Outcome::done()).await;
    let events = f.broker.events(0, 100).await.unwrap();
    let states: Vec<_> = events.iter().map(|event| event.state).collect();
    assert_eq!(
        states,
        [
            S::Ready,
            S::Running,
            S::Retrying,
            S::Ready,
            S::Running,
            S::Completed
        ]
    );
    assert!(events.iter().all(|event| event.job_id == id));
    assert!(events.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    let rest = f.broker.events(events[3].seq, 100).await.unwrap();
    assert_eq!(rest, events[4..]);
}

pub async fn counts_show_zeros(f: &Fixture) {
    let counts = f.broker.counts(&JobFilter::default()).await.unwrap();
    assert_eq!(counts, JobState::ALL.map(|state| (state, 0)));
}

pub async fn the_audit_adds_up(f: &Fixture) {
    for _ in 0..5 {
        f.accept(job()).await;
    }
    let audit = f.broker.audit().await.unwrap();
    assert_eq!((audit.accepted, audit.present), (5, 5));
    assert_eq!((audit.pruned, audit.unaccounted), (0, 0));
    f.broker.ping().await.unwrap();
}
