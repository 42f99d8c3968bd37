//! What must be true after every step.

use std::collections::HashMap;

use super::{
    super::MAX_ERRORS,
    machine::Machine,
    plain::Known,
    step::{QUEUES, TENANTS},
};
use crate::{
    JobId, JobRecord, JobState,
    broker::{Audit, JobFilter, Scope},
    state::{Event, next},
};

/// More than one step can cause, and more than the model ever has.
const ALL: usize = 1_000;

impl Machine {
    /// Compares everything that can be seen.
    pub(super) async fn check(&mut self) {
        self.check_jobs().await;
        self.check_counts().await;
        self.check_queues().await;
        self.check_events().await;
    }

    async fn check_jobs(&self) {
        let all = JobFilter::default();
        let page = self.fixture.broker.list(&all, None, ALL).await.unwrap();
        let mut listed: Vec<_> = page.items.iter().map(JobRecord::id).collect();
        listed.reverse();
        assert_eq!(listed, self.plain.order, "jobs, the newest first");
        for record in &page.items {
            self.plain.jobs[&record.id()].agrees_with(record);
        }
    }

    async fn check_counts(&self) {
        let acme = JobFilter {
            tenant: Some(TENANTS[1].to_owned()),
            ..JobFilter::default()
        };
        for filter in [JobFilter::default(), acme] {
            let counts = self.fixture.broker.counts(&filter).await.unwrap();
            let expected = self.counts(|known| {
                let tenant = filter.tenant.as_ref();
                tenant.is_none_or(|tenant| known.spec.tenant == *tenant)
            });
            assert_eq!(counts, expected, "counts of {filter:?}");
        }
        let expected = Audit {
            accepted: self.plain.accepted,
            pruned: self.plain.pruned,
            present: self.plain.jobs.len() as u64,
            unaccounted: 0,
        };
        assert_eq!(self.fixture.broker.audit().await.unwrap(), expected);
    }

    fn counts(&self, is: impl Fn(&Known) -> bool) -> Vec<(JobState, u64)> {
        let count = |state| {
            let in_state = self
                .plain
                .jobs
                .values()
                .filter(|known| known.state == state);
            in_state.filter(|known| is(known)).count() as u64
        };
        JobState::ALL.map(|state| (state, count(state))).to_vec()
    }

    async fn check_queues(&self) {
        let queues = self.fixture.broker.queues().await.unwrap();
        for queue in &queues {
            let expected = self.counts(|known| known.spec.queue == queue.queue);
            assert_eq!(queue.counts, expected, "counts of queue {}", queue.queue);
            let ready = expected.contains(&(JobState::Ready, 0));
            assert_eq!(queue.oldest_ready_s.is_none(), ready);
            let scope = Scope::Queue(queue.queue.clone());
            assert_eq!(queue.paused, self.plain.paused.contains(&scope));
            let limit = self.plain.concurrency.get(&scope).copied();
            assert_eq!(queue.limits.concurrency, limit);
        }
        for name in QUEUES {
            let present = self
                .plain
                .jobs
                .values()
                .any(|known| known.spec.queue == name);
            let described = queues.iter().any(|queue| queue.queue == name);
            assert!(described || !present, "queue {name} is described");
        }
    }

    /// Events must lead every job along the state table, from where it was to where it is.
    async fn check_events(&mut self) {
        let events = self.fixture.broker.events(self.seen, ALL).await.unwrap();
        let mut states: HashMap<JobId, JobState> = HashMap::new();
        for event in &events {
            assert!(event.seq > self.seen, "places grow");
            self.seen = event.seq;
            assert_eq!(event.at.as_millisecond(), self.plain.now);
            let before = states.get(&event.job_id).or(self.told.get(&event.job_id));
            let leads_there = match before {
                None => matches!(
                    event.state,
                    JobState::Scheduled | JobState::Waiting | JobState::Ready
                ),
                Some(before) => Event::ALL
                    .iter()
                    .filter(|what| **what != Event::Prune) // a pruned job enters no state
                    .any(|what| next(*before, *what) == Some(event.state)),
            };
            assert!(leads_there, "from {before:?} to {}", event.state);
            states.insert(event.job_id, event.state);
        }
        self.told.extend(states);
        for (id, known) in &self.plain.jobs {
            assert_eq!(self.told.get(id), Some(&known.state), "the last event");
        }
    }
}

impl Known {
    /// Checks a record of the broker.
    pub(super) fn agrees_with(&self, record: &JobRecord) {
        let ms = |at: jiff::Timestamp| at.as_millisecond();
        let id = record.id();
        assert_eq!(record.state, self.state, "state of {id}");
        assert_eq!(record.dead_reason, self.reason, "reason of {id}");
        assert_eq!(record.attempt, self.attempt, "attempt of {id}");
        assert_eq!(record.crashes, self.crashes, "crashes of {id}");
        assert_eq!(record.epoch, self.epoch, "epoch of {id}");
        assert_eq!(record.checkpoint, self.checkpoint, "checkpoint of {id}");
        assert_eq!(record.result, self.result, "result of {id}");
        assert_eq!(record.errors.len(), self.errors.min(MAX_ERRORS));
        assert_eq!(ms(record.submitted_at), self.submitted_at);
        assert_eq!(record.finished_at.map(ms), self.finished_at);
        assert_eq!(record.spec.expires_at.map(ms), self.expires_at);
        assert_eq!(record.spec.deadline.map(ms), self.deadline);
        if matches!(self.state, JobState::Scheduled | JobState::Retrying) {
            assert_eq!(ms(record.run_at), self.run_at, "run_at of {id}");
        }
        let running = self.state == JobState::Running;
        let lease_until = running.then_some(self.lease_until);
        assert_eq!(record.lease_expires_at.map(ms), lease_until);
        assert_eq!(record.worker.is_some(), running);
        if running {
            assert_eq!(record.cancel_requested, self.cancel_requested);
            assert_eq!(record.started_at.map(ms), self.started_at);
        }
    }
}
