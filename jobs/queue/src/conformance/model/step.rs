//! The steps, and how likely they are.

use proptest::{collection::vec, option::weighted, prelude::*};

use crate::{Priority, broker::Scope};

/// The queues, kinds and tenants of the model's jobs.
pub(super) const QUEUES: [&str; 2] = ["default", "other"];
pub(super) const KINDS: [&str; 2] = ["test.model", "test.other"];
pub(super) const TENANTS: [&str; 2] = ["default", "acme"];

/// One step. Jobs are named by a number, modulo how many there are.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Submit {
        jobs: Vec<New>,
        all_or_nothing: bool,
    },
    Resubmit(usize),
    Fetch(Slots),
    Finish {
        ends: Vec<End>,
        then_fetch: Option<Slots>,
    },
    Renew {
        job: usize,
        first_lease: bool,
        checkpoint: Option<u8>,
    },
    Cancel(usize),
    Retry(usize),
    Advance {
        ms: u64,
    },
    Promote,
    Rescue,
    Prune {
        keep_ms: u64,
    },
    Pause {
        scope: Scope,
        paused: bool,
    },
    Limit {
        scope: Scope,
        concurrency: Option<u32>,
    },
}

/// A job to submit.
#[derive(Debug, Clone)]
pub(super) struct New {
    pub(super) queue: usize,
    pub(super) kind: usize,
    pub(super) tenant: usize,
    pub(super) priority: Priority,
    /// Few values, so that jobs with the same key have the same body or not.
    pub(super) payload: u8,
    /// 0 is refused.
    pub(super) max_attempts: u32,
    pub(super) backoff_ms: u64,
    pub(super) delay_ms: u64,
    pub(super) expires_ms: Option<u64>,
    pub(super) deadline_ms: Option<u64>,
    /// Among the jobs there are and the earlier ones of the same submit.
    pub(super) depends: Vec<usize>,
    pub(super) unique: Option<(u8, Option<u64>)>,
}

/// A fetch from one queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slots {
    pub(super) queue: usize,
    pub(super) free: usize,
}

/// The end of an attempt.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) job: usize,
    pub(super) how: How,
    /// Under the job's first lease, whatever came after.
    pub(super) first_lease: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    Done,
    Retry,
    Timeout,
    Permanent,
    Snooze,
    Throttled,
    Released,
    Cancelled,
}

/// Any step.
pub(super) fn any() -> impl Strategy<Value = Step> {
    let job = 0..64_usize;
    prop_oneof![
        6 => (prop_oneof![4 => vec(new(), 1..2), 1 => vec(new(), 2..4)], prop::bool::weighted(0.3))
            .prop_map(|(jobs, all_or_nothing)| Step::Submit { jobs, all_or_nothing }),
        1 => job.clone().prop_map(Step::Resubmit),
        5 => slots().prop_map(Step::Fetch),
        7 => (prop_oneof![4 => vec(end(), 1..2), 1 => vec(end(), 2..4)], weighted(0.2, slots()))
            .prop_map(|(ends, then_fetch)| Step::Finish { ends, then_fetch }),
        2 => (job.clone(), prop::bool::weighted(0.2), weighted(0.3, 0..4_u8))
            .prop_map(|(job, first_lease, checkpoint)| Step::Renew { job, first_lease, checkpoint }),
        1 => job.clone().prop_map(Step::Cancel),
        2 => job.prop_map(Step::Retry),
        4 => prop_oneof![10 => tenths(1..15), 1 => 1..1_500_u64, 1 => Just(61_000)]
            .prop_map(|ms| Step::Advance { ms }),
        3 => Just(Step::Promote),
        3 => Just(Step::Rescue),
        2 => prop_oneof![3 => Just(0), 1 => Just(1_000), 1 => Just(3_000)]
            .prop_map(|keep_ms| Step::Prune { keep_ms }),
        1 => (scope(), proptest::bool::ANY).prop_map(|(scope, paused)| Step::Pause { scope, paused }),
        1 => (scope(), weighted(0.6, 0..3_u32))
            .prop_map(|(scope, concurrency)| Step::Limit { scope, concurrency }),
    ]
}

fn new() -> impl Strategy<Value = New> {
    let place = (mostly_first(), mostly_first(), mostly_first());
    let attempts = prop_oneof![1 => Just(0_u32), 10 => Just(1), 10 => Just(2), 10 => Just(3)];
    let times = (
        prop_oneof![3 => Just(0), 1 => Just(500_u64)],
        weighted(0.2, tenths(2..20)),
        weighted(0.1, tenths(5..40)),
    );
    let unique = weighted(0.3, (0..2_u8, weighted(0.4, tenths(2..30))));
    let rest = (
        prop::sample::select(Priority::ALL.to_vec()),
        0..3_u8,
        attempts,
        prop_oneof![Just(0), Just(400_u64)],
        prop_oneof![2 => Just(Vec::new()), 1 => vec(0..64_usize, 1..3)],
    );
    (place, times, unique, rest).prop_map(
        |(
            (queue, kind, tenant),
            (delay_ms, expires_ms, deadline_ms),
            unique,
            (priority, payload, max_attempts, backoff_ms, depends),
        )| New {
            queue,
            kind,
            tenant,
            priority,
            payload,
            max_attempts,
            backoff_ms,
            delay_ms,
            expires_ms,
            deadline_ms,
            depends,
            unique,
        },
    )
}

fn slots() -> impl Strategy<Value = Slots> {
    (mostly_first(), 1..4_usize).prop_map(|(queue, free)| Slots { queue, free })
}

fn end() -> impl Strategy<Value = End> {
    let how = prop_oneof![
        4 => Just(How::Done), 4 => Just(How::Retry), 1 => Just(How::Timeout), 1 => Just(How::Permanent),
        1 => Just(How::Snooze), 1 => Just(How::Throttled), 1 => Just(How::Released), 1 => Just(How::Cancelled),
    ];
    (0..64_usize, how, prop::bool::weighted(0.2)).prop_map(|(job, how, first_lease)| End {
        job,
        how,
        first_lease,
    })
}

fn scope() -> impl Strategy<Value = Scope> {
    (0..3_usize, mostly_first()).prop_map(|(what, name)| match what {
        0 => Scope::Queue(QUEUES[name].to_owned()),
        1 => Scope::Kind(KINDS[name].to_owned()),
        _ => Scope::Tenant(TENANTS[name].to_owned()),
    })
}

/// Tenths of a second, as ms: coarse, so that often two things happen at the same instant.
fn tenths(range: std::ops::Range<u64>) -> impl Strategy<Value = u64> {
    range.prop_map(|tenths| tenths * 100)
}

fn mostly_first() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0_usize), 1 => Just(1)]
}
