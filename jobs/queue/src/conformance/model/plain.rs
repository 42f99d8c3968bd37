//! The plain model: what becomes of jobs, without indexes, storage or concurrency.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    DeadReason, JobId, JobState, NewJob,
    broker::{Scope, Verdict},
    job::UniqueUntil,
};

/// What is known of one job. Instants are ms since 1970.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) spec: NewJob,
    pub(super) state: JobState,
    pub(super) reason: Option<DeadReason>,
    pub(super) attempt: u32,
    pub(super) crashes: u32,
    pub(super) epoch: u64,
    /// The epochs of its leases, the newest last.
    pub(super) leases: Vec<u64>,
    pub(super) lease_until: i64,
    pub(super) submitted_at: i64,
    pub(super) run_at: i64,
    pub(super) finished_at: Option<i64>,
    pub(super) started_at: Option<i64>,
    pub(super) expires_at: Option<i64>,
    pub(super) deadline: Option<i64>,
    pub(super) cancel_requested: bool,
    pub(super) waits_for: BTreeSet<JobId>,
    pub(super) errors: usize,
    pub(super) checkpoint: Option<Value>,
    pub(super) result: Option<Value>,
}

impl Known {
    fn new(spec: &NewJob, waits_for: BTreeSet<JobId>, now: i64) -> Self {
        let run_at = spec.run_at.map_or(now, Timestamp::as_millisecond).max(now);
        let state = if !waits_for.is_empty() {
            JobState::Waiting
        } else if run_at > now {
            JobState::Scheduled
        } else {
            JobState::Ready
        };
        Self {
            spec: spec.clone(),
            state,
            reason: None,
            attempt: 0,
            crashes: 0,
            epoch: 0,
            leases: Vec::new(),
            lease_until: 0,
            submitted_at: now,
            run_at,
            finished_at: None,
            started_at: None,
            expires_at: spec.expires_at.map(Timestamp::as_millisecond),
            deadline: spec.deadline.map(Timestamp::as_millisecond),
            cancel_requested: false,
            waits_for,
            errors: 0,
            checkpoint: None,
            result: None,
        }
    }

    /// Tells whether its time has passed, unless it runs.
    pub(super) fn is_over(&self, now: i64) -> bool {
        let expires_at = self.expires_at.filter(|_| self.started_at.is_none());
        let ends = [expires_at, self.deadline];
        ends.into_iter().flatten().any(|at| at <= now)
    }

    /// Returns the epoch of its first or its last lease.
    pub(super) fn lease(&self, first: bool) -> Option<u64> {
        let lease = if first {
            self.leases.first()
        } else {
            self.leases.last()
        };
        lease.copied()
    }

    pub(super) fn scopes(&self) -> [Scope; 3] {
        [
            Scope::Queue(self.spec.queue.clone()),
            Scope::Kind(self.spec.kind.clone()),
            Scope::Tenant(self.spec.tenant.clone()),
        ]
    }
}

/// Queue (where keys hold per queue), tenant, kind, key.
type Key = [String; 4];

/// How far unique keys, and caps of kinds and tenants, reach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Over all queues.
    #[default]
    Everywhere,
    /// Within a queue: so where every queue has a server of its own.
    Queue,
}

/// What the contract leaves to a broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Variant {
    /// How far keys and caps reach.
    pub reach: Reach,
    /// A fetch promotes what is due in its queue.
    pub fetch_promotes: bool,
}

/// Who holds a unique key.
#[derive(Debug, Clone)]
struct Holder {
    spec: NewJob,
    expires_at: Option<i64>,
    /// Its state, once it was pruned.
    ended_as: Option<JobState>,
}

/// Every job, and what holds for all.
#[derive(Debug, Clone, Default)]
pub(super) struct Plain {
    pub(super) now: i64,
    pub(super) variant: Variant,
    pub(super) jobs: BTreeMap<JobId, Known>,
    /// Their ids in the order of acceptance.
    pub(super) order: Vec<JobId>,
    pub(super) paused: HashSet<Scope>,
    pub(super) concurrency: HashMap<Scope, u32>,
    pub(super) accepted: u64,
    pub(super) pruned: u64,
    keys: BTreeMap<Key, Holder>,
}

impl Plain {
    pub(super) fn nth(&self, n: usize) -> Option<JobId> {
        (!self.order.is_empty()).then(|| self.order[n % self.order.len()])
    }

    pub(super) fn known(&mut self, id: JobId) -> &mut Known {
        self.jobs.get_mut(&id).expect("the model knows the job")
    }

    /// Returns the ids of the jobs of which this is true.
    pub(super) fn which(&self, is: impl Fn(&Known) -> bool) -> Vec<JobId> {
        let all = self.jobs.iter();
        all.filter(|(_, known)| is(known))
            .map(|(id, _)| *id)
            .collect()
    }

    fn key_of(&self, spec: &NewJob) -> Option<(Key, UniqueUntil)> {
        let unique = spec.unique.as_ref()?;
        let queue = match self.variant.reach {
            Reach::Everywhere => String::new(),
            Reach::Queue => spec.queue.clone(),
        };
        let key = [&queue, &spec.tenant, &spec.kind, &unique.key].map(Clone::clone);
        Some((key, unique.until))
    }

    /// Says what becomes of each job of a submit.
    pub(super) fn submit(&mut self, specs: &[NewJob], all_or_nothing: bool) -> Vec<Verdict> {
        let before = self.clone();
        // Which job stands for a duplicate of this submit.
        let mut stands_for = HashMap::new();
        let mut verdicts = Vec::new();
        for spec in specs {
            let verdict = self.submit_one(spec, &stands_for);
            if let Verdict::Duplicate { id, .. } = verdict {
                stands_for.insert(spec.id, id);
            }
            verdicts.push(verdict);
        }
        if all_or_nothing && verdicts.iter().any(|verdict| verdict.id().is_none()) {
            *self = before;
        }
        verdicts
    }

    fn submit_one(&mut self, spec: &NewJob, stands_for: &HashMap<JobId, JobId>) -> Verdict {
        if spec.max_attempts == 0 {
            return Verdict::Rejected {
                code: "job.invalid".to_owned(),
                message: String::new(),
            };
        }
        if let Some((other, state)) = self.in_the_way(spec) {
            // Jobs with the same body are the same job.
            return if (&other.kind, &other.payload) == (&spec.kind, &spec.payload) {
                Verdict::Duplicate {
                    id: other.id,
                    state,
                }
            } else {
                Verdict::Conflict { id: other.id }
            };
        }
        let depends_on = spec.depends_on.iter();
        let waits_for = depends_on
            .map(|id| *stands_for.get(id).unwrap_or(id))
            .filter(|id| {
                let other = self.jobs.get(id);
                other.is_some_and(|other| !other.state.is_terminal())
            })
            .collect();
        self.jobs
            .insert(spec.id, Known::new(spec, waits_for, self.now));
        self.order.push(spec.id);
        self.accepted += 1;
        self.take_key(spec);
        Verdict::Accepted { id: spec.id }
    }

    /// Returns the job that has the same id or holds the same key, and its state.
    fn in_the_way(&self, spec: &NewJob) -> Option<(&NewJob, JobState)> {
        if let Some(known) = self.jobs.get(&spec.id) {
            return Some((&known.spec, known.state));
        }
        let holder = self.holder(&self.key_of(spec)?.0)?;
        let present = self.jobs.get(&holder.spec.id).map(|known| known.state);
        let state = present.or(holder.ended_as)?;
        Some((&holder.spec, state))
    }

    fn holder(&self, key: &Key) -> Option<&Holder> {
        let holder = self.keys.get(key)?;
        holder
            .expires_at
            .is_none_or(|at| at > self.now)
            .then_some(holder)
    }

    fn take_key(&mut self, spec: &NewJob) {
        if let Some((key, until)) = self.key_of(spec) {
            let holder = Holder {
                spec: spec.clone(),
                expires_at: match until {
                    UniqueUntil::Done => None,
                    UniqueUntil::TtlMs(ms) => Some(self.now + ms as i64),
                },
                ended_as: None,
            };
            self.keys.insert(key, holder);
        }
    }

    /// Ends a job, and lets go those that waited for it.
    pub(super) fn settle(&mut self, id: JobId, state: JobState, reason: Option<DeadReason>) {
        self.settle_all(&[id], state, reason);
    }

    /// Ends jobs. All end before any of those that waited for them may run.
    pub(super) fn settle_all(
        &mut self,
        ids: &[JobId],
        state: JobState,
        reason: Option<DeadReason>,
    ) {
        let now = self.now;
        for id in ids {
            let known = self.known(*id);
            known.state = state;
            known.reason = reason;
            known.finished_at = Some(now);
            let spec = known.spec.clone();
            if let Some((key, UniqueUntil::Done)) = self.key_of(&spec) {
                self.keys.remove(&key);
            }
        }
        for known in self.jobs.values_mut() {
            known.waits_for.retain(|id| !ids.contains(id));
            if known.state == JobState::Waiting && known.waits_for.is_empty() {
                known.state = if known.run_at > now {
                    JobState::Scheduled
                } else {
                    JobState::Ready
                };
            }
        }
    }

    /// Makes a job run again, or now; `false` where that is not allowed.
    pub(super) fn retry(&mut self, id: JobId) -> bool {
        let now = self.now;
        let known = self.jobs[&id].clone();
        match known.state {
            JobState::Ready | JobState::Running | JobState::Waiting => return false,
            state if state.is_terminal() => {
                if let Some((key, UniqueUntil::Done)) = self.key_of(&known.spec) {
                    if self.holder(&key).is_some() {
                        return false;
                    }
                    self.take_key(&known.spec);
                }
                let known = self.known(id);
                known.attempt = 0;
                known.crashes = 0;
                known.cancel_requested = false;
                known.started_at = None;
                known.expires_at = None;
                known.deadline = None;
                known.waits_for.clear();
                known.reason = None;
                known.result = None;
                known.finished_at = None;
            }
            _ => {}
        }
        let known = self.known(id);
        known.state = JobState::Ready;
        known.run_at = now;
        true
    }

    /// Deletes what ended at least `keep_ms` ago; returns how many went.
    pub(super) fn prune(&mut self, keep_ms: u64) -> usize {
        let until = self.now - keep_ms as i64;
        let over = self.which(|known| known.finished_at.is_some_and(|at| at <= until));
        for id in &over {
            let Some(known) = self.jobs.remove(id) else {
                continue;
            };
            for holder in self.keys.values_mut() {
                if holder.spec.id == *id {
                    holder.ended_as = Some(known.state);
                }
            }
        }
        self.order.retain(|id| !over.contains(id));
        self.pruned += over.len() as u64;
        over.len()
    }

    /// Makes jobs of a queue ready whose time has come, where a fetch does that.
    pub(super) fn before_fetch(&mut self, queue: &str) {
        let now = self.now;
        for known in self.jobs.values_mut() {
            let due = matches!(known.state, JobState::Scheduled | JobState::Retrying)
                && known.run_at <= now;
            if self.variant.fetch_promotes && due && known.spec.queue == queue {
                known.state = JobState::Ready;
            }
        }
    }

    /// Tells whether a job may be fetched now.
    pub(super) fn may_run(&self, known: &Known) -> bool {
        known.state == JobState::Ready
            && !known.is_over(self.now)
            && known
                .scopes()
                .iter()
                .all(|scope| self.is_open(scope, &known.spec.queue))
    }

    fn is_open(&self, scope: &Scope, queue: &str) -> bool {
        let running = || {
            let counts = |known: &Known| {
                known.state == JobState::Running
                    && known.scopes().contains(scope)
                    && (self.variant.reach == Reach::Everywhere || known.spec.queue == queue)
            };
            self.which(counts).len()
        };
        let most = self.concurrency.get(scope);
        !self.paused.contains(scope) && most.is_none_or(|most| running() < *most as usize)
    }
}
