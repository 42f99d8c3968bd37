//! Leasing jobs: by priority, then by age, within limits, past what is paused.
//!
//! The ready jobs of a queue stand in lanes, each in order; a fetch merges the lanes that it may have. A refused job
//! closes its lane for the rest of the fetch.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
};

use super::{core::Core, jobs::Jobs, lanes::Lane};
use crate::{
    Result,
    broker::{FetchRequest, Lease, Scope},
    rules::{
        self,
        fetch::{slots_left, starving_share},
        scopes::Gate,
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
    gate: Gate<'a>,
    /// Kinds the worker knows, with the newest schema version.
    kinds: HashMap<&'a str, u32>,
    now: i64,
    starves_since: i64,
    picked: Vec<i64>,
    seen: HashSet<i64>,
}

impl<'a> Pick<'a> {
    /// Picks at most `free` jobs of a queue, from which `before` were fetched before; returns how many.
    fn queue(&mut self, queue: &str, free: usize, before: u64) -> u64 {
        let starving = starving_share(before, free) as usize;
        let lanes = |jobs: &'a Jobs| jobs.lanes.with_ready(queue);
        let open: Vec<_> = lanes(self.jobs)
            .filter(|lane| self.may_have(lane))
            .collect();
        let begun = self.picked.len();
        let oldest = open
            .iter()
            .map(|lane| (*lane, lane.starving(self.starves_since)));
        self.take(queue, oldest.collect(), starving, |(_, seq)| *seq);
        let left = free - (self.picked.len() - begun);
        let next = open.iter().map(|lane| (*lane, lane.ready()));
        self.take(queue, next.collect(), left, |(_, _, seq)| *seq);
        (self.picked.len() - begun) as u64
    }

    fn may_have(&self, lane: &Lane) -> bool {
        let known = self.kinds.get(lane.kind.as_str());
        known.is_some_and(|newest| lane.schema_version <= *newest)
            && self.gate.is_open(&Scope::Kind(lane.kind.clone()))
            && self.gate.is_open(&Scope::Tenant(lane.tenant.clone()))
    }

    /// Takes the first jobs of the merged lanes, at most `most`.
    fn take<P: Ord + Copy, I: Iterator<Item = P>>(
        &mut self,
        queue: &str,
        mut lanes: Vec<(&Lane, I)>,
        most: usize,
        seq_of: fn(&P) -> i64,
    ) {
        let heads = lanes.iter_mut().enumerate();
        let mut heads: BinaryHeap<_> = heads
            .filter_map(|(index, (_, places))| Some(Reverse((places.next()?, index))))
            .collect();
        let mut taken = 0;
        while taken < most
            && let Some(Reverse((place, index))) = heads.pop()
        {
            let (lane, places) = &mut lanes[index];
            let seq = seq_of(&place);
            if self.is_alive(seq) && !self.seen.contains(&seq) {
                if !self.gate.admit(queue, &lane.kind, &lane.tenant) {
                    continue;
                }
                self.seen.insert(seq);
                self.picked.push(seq);
                taken += 1;
            }
            if let Some(place) = places.next() {
                heads.push(Reverse((place, index)));
            }
        }
    }

    /// Tells whether a job's time has not passed: it is dead, though nobody has said so yet.
    fn is_alive(&self, seq: i64) -> bool {
        let job = self.jobs.get(seq);
        job.is_some_and(|job| job.row.kill_at.is_none_or(|at| at > self.now))
    }
}
