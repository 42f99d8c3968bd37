//! Leasing jobs: by priority, then by share, then by age, within limits, past what is paused.
//!
//! The ready jobs of a queue stand in lanes, each in order; a fetch merges the lanes that it may have. A refused job
//! closes its lane for the rest of the fetch.

use std::collections::{HashMap, HashSet};

use super::{core::Core, jobs::Jobs, lanes::Lane};
use crate::{
    Result,
    broker::{FetchRequest, Lease, Scope},
    rules::{
        self,
        fetch::{slots_left, starving_share},
        scopes::Gate,
        share::{ReadyLane, Shares},
    },
};

impl Core {
    /// See [`crate::Broker::fetch`].
    pub(super) fn fetch(&mut self, request: &FetchRequest, now: i64) -> Result<Vec<Lease>> {
        let mut leases = Vec::new();
        for seq in self.pick(request, now) {
            let Some(job) = self.jobs.get(seq) else {
                continue;
            };
            let mut row = job.row.clone();
            rules::fetch::lease(&mut row, request, now)?;
            leases.push(row.clone().into_lease(job.spec.clone())?);
            self.put(row, now);
        }
        Ok(leases)
    }

    /// Picks jobs for every queue of the request, in the order in which they are leased.
    fn pick(&mut self, request: &FetchRequest, now: i64) -> Vec<i64> {
        let mut kinds = HashMap::new();
        for (kind, schema_version) in &request.kinds {
            kinds.entry(kind.as_str()).or_insert(*schema_version);
        }
        let running = self.jobs.lanes.running(self.scopes.with_concurrency());
        let patience = i64::try_from(self.options.starvation_after.as_millis());
        let mut pick = Pick {
            jobs: &self.jobs,
            shares: &mut self.shares,
            gate: Gate::new(&mut self.scopes, &running, now),
            kinds,
            now,
            starves_since: now.saturating_sub(patience.unwrap_or(i64::MAX)),
            picked: Vec::new(),
            seen: HashSet::new(),
        };
        for slots in &request.slots {
            let free = slots_left(slots.free, pick.picked.len());
            if free > 0 {
                let before = self.fetched.entry(slots.queue.clone()).or_default();
                *before += pick.queue(&slots.queue, free, *before);
            }
        }
        pick.picked
    }
}

/// One fetch.
struct Pick<'a> {
    jobs: &'a Jobs,
    shares: &'a mut Shares,
    gate: Gate<'a>,
    /// Kinds the worker knows, with the newest schema version.
    kinds: HashMap<&'a str, u32>,
    now: i64,
    starves_since: i64,
    picked: Vec<i64>,
    seen: HashSet<i64>,
}

impl Pick<'_> {
    /// Picks at most `free` jobs of a queue, from which `before` were fetched before; returns how many.
    fn queue(&mut self, queue: &str, free: usize, before: u64) -> u64 {
        let starving = starving_share(before, free) as usize;
        let jobs = self.jobs;
        let with_ready = jobs.lanes.with_ready(queue);
        let open: Vec<_> = with_ready.filter(|lane| self.may_have(lane)).collect();
        let begun = self.picked.len();
        self.take_starving(queue, &open, starving);
        let left = free - (self.picked.len() - begun);
        let lanes = open.iter().map(|lane| ReadyLane {
            kind: &lane.kind,
            tenant: &lane.tenant,
            places: lane
                .ready()
                .map(|(priority, since, seq)| (priority as u8, since, seq)),
        });
        let now = self.now;
        let is_alive = |seq| is_alive(jobs, seq, now);
        let picked = self.shares.pick(
            queue,
            lanes.collect(),
            left,
            &mut self.gate,
            &mut self.seen,
            is_alive,
        );
        self.picked.extend(picked);
        (self.picked.len() - begun) as u64
    }

    fn may_have(&self, lane: &Lane) -> bool {
        let known = self.kinds.get(lane.kind.as_str());
        known.is_some_and(|newest| lane.schema_version <= *newest)
            && self.gate.is_open(&Scope::Kind(lane.kind.clone()))
            && self.gate.is_open(&Scope::Tenant(lane.tenant.clone()))
    }

    /// Takes the jobs that have waited longest, at most `most`.
    fn take_starving(&mut self, queue: &str, lanes: &[&Lane], most: usize) {
        if most == 0 {
            return;
        }
        let mut oldest: Vec<_> = lanes
            .iter()
            .enumerate()
            .flat_map(|(index, lane)| {
                let starving = lane.starving(self.starves_since);
                starving
                    .filter(|(_, seq)| is_alive(self.jobs, *seq, self.now))
                    .take(most)
                    .map(move |(since, seq)| (since, seq, index))
            })
            .collect();
        oldest.sort_unstable();
        let mut taken = 0;
        for (_, seq, index) in oldest {
            let lane = lanes[index];
            if taken == most {
                break;
            }
            if self.gate.admit(queue, &lane.kind, &lane.tenant) {
                self.seen.insert(seq);
                self.picked.push(seq);
                taken += 1;
            }
        }
    }
}

/// Tells whether a job's time has not passed: otherwise it is dead, though nobody has said so yet.
fn is_alive(jobs: &Jobs, seq: i64, now: i64) -> bool {
    let job = jobs.get(seq);
    job.is_some_and(|job| job.row.kill_at.is_none_or(|at| at > now))
}
