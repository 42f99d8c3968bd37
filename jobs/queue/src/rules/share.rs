//! Fair shares: within a priority, lanes (a kind of a tenant) are served in turns, by the tenant's weight.
//!
//! Stride scheduling (Waldspurger and Weihl, 1995): a lane's pass grows by [`STRIDE`] ÷ weight with every job it is given,
//! and the lane with the smallest pass is next. A lane that had nothing to do starts where its priority is, so it gains
//! nothing by having been away. So a tenant's first job waits for at most one job of every other lane.
//!
//! Passes are memory: a restart begins anew, with equal shares.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
};

use super::scopes::Gate;

/// What a pass grows by for weight 1.
const STRIDE: u64 = 1_000;
/// Priorities.
const BANDS: usize = 4;
/// Lanes of a queue that are remembered before those that are not ahead are forgotten: that changes nothing for them.
const FORGET_ABOVE: usize = 256;

/// A ready job's place: priority (0 is the most urgent), ready since, number.
pub(crate) type Place = (u8, i64, i64);

/// How far every queue's lanes are served.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    queues: HashMap<String, Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    /// The pass of the lane that was served last, by priority.
    served: [u64; BANDS],
    /// Passes by kind and tenant, where they are ahead of `served`.
    lanes: HashMap<(String, String), [u64; BANDS]>,
}

/// The ready jobs of a lane, in order.
pub(crate) struct ReadyLane<'a, I> {
    pub(crate) kind: &'a str,
    pub(crate) tenant: &'a str,
    pub(crate) places: I,
}

impl Shares {
    /// Picks up to `most` jobs of a queue: by priority, then by share, then by age. A lane that `gate` refuses is closed for
    /// the rest. Jobs in `seen` and those that `is_alive` denies are left out; what is picked is added to `seen`.
    pub(crate) fn pick<I: Iterator<Item = Place>>(
        &mut self,
        queue: &str,
        lanes: Vec<ReadyLane<'_, I>>,
        most: usize,
        gate: &mut Gate<'_>,
        seen: &mut HashSet<i64>,
        is_alive: impl Fn(i64) -> bool,
    ) -> Vec<i64> {
        let shares = self.queues.entry(queue.to_owned()).or_default();
        let mut turns: Vec<_> = lanes
            .into_iter()
            .map(|lane| Turn {
                passes: shares.passes(lane.kind, lane.tenant),
                stride: STRIDE / u64::from(gate.weight(lane.tenant)),
                lane,
            })
            .collect();
        let mut heads: BinaryHeap<_> = turns
            .iter_mut()
            .enumerate()
            .filter_map(|(index, turn)| Some(Reverse((turn.next()?, index))))
            .collect();
        let mut picked = Vec::new();
        while picked.len() < most
            && let Some(Reverse(((band, pass, _, seq), index))) = heads.pop()
        {
            let turn = &mut turns[index];
            if is_alive(seq) && !seen.contains(&seq) {
                if !gate.admit(queue, turn.lane.kind, turn.lane.tenant) {
                    continue;
                }
                seen.insert(seq);
                picked.push(seq);
                shares.served[band] = pass;
                turn.passes[band] = pass + turn.stride;
            }
            if let Some(next) = turn.next() {
                heads.push(Reverse((next, index)));
            }
        }
        for turn in turns {
            shares.note(turn.lane.kind, turn.lane.tenant, turn.passes);
        }
        picked
    }
}

impl Queue {
    /// Returns where a lane stands: not behind the lane that was served last.
    fn passes(&self, kind: &str, tenant: &str) -> [u64; BANDS] {
        let mut passes = self.served;
        // The key is owned text; a lookup costs less than the statement that found the lane.
        if let Some(own) = self.lanes.get(&(kind.to_owned(), tenant.to_owned())) {
            for (pass, own) in passes.iter_mut().zip(own) {
                *pass = (*pass).max(*own);
            }
        }
        passes
    }

    fn note(&mut self, kind: &str, tenant: &str, passes: [u64; BANDS]) {
        let served = self.served;
        let is_ahead = |passes: &[u64; BANDS]| passes.iter().zip(served).any(|(own, at)| *own > at);
        if is_ahead(&passes) {
            self.lanes
                .insert((kind.to_owned(), tenant.to_owned()), passes);
        }
        if self.lanes.len() > FORGET_ABOVE {
            self.lanes.retain(|_, passes| is_ahead(passes));
        }
    }
}

/// A lane in one pick.
struct Turn<'a, I> {
    lane: ReadyLane<'a, I>,
    passes: [u64; BANDS],
    stride: u64,
}

impl<I: Iterator<Item = Place>> Turn<'_, I> {
    /// Returns the next place with what it is ordered by.
    fn next(&mut self) -> Option<(usize, u64, i64, i64)> {
        let (priority, since, seq) = self.lane.places.next()?;
        let band = usize::from(priority).min(BANDS - 1);
        Some((band, self.passes[band], since, seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        broker::{Limits, Scope},
        rules::scopes::Scopes,
    };

    /// Tenants with as many ready jobs as they are asked for; their jobs are numbered by tenant × 1,000.
    struct World {
        shares: Shares,
        scopes: Scopes,
        given: HashMap<i64, i64>,
    }

    impl World {
        fn new(weights: &[(i64, u32)]) -> Self {
            let mut scopes = Scopes::default();
            for (tenant, weight) in weights {
                let limits = Limits {
                    weight: Some(*weight),
                    ..Limits::default()
                };
                scopes.set(Scope::Tenant(tenant.to_string()), false, limits, 0);
            }
            Self {
                shares: Shares::default(),
                scopes,
                given: HashMap::new(),
            }
        }

        /// Picks, and returns whose jobs were picked.
        fn pick(&mut self, tenants: &[i64], most: usize) -> Vec<i64> {
            let names: Vec<_> = tenants.iter().map(ToString::to_string).collect();
            let lanes = tenants.iter().zip(&names).map(|(tenant, name)| {
                let first = tenant * 1_000 + self.given.get(tenant).unwrap_or(&0);
                ReadyLane {
                    kind: "k",
                    tenant: name,
                    places: (first..(tenant + 1) * 1_000).map(|seq| (2, 0, seq)),
                }
            });
            let lanes = lanes.collect();
            let mut gate = Gate::new(&mut self.scopes, &HashMap::new(), 0);
            let seen = &mut HashSet::new();
            let picked = self
                .shares
                .pick("q", lanes, most, &mut gate, seen, |_| true);
            let tenants: Vec<_> = picked.iter().map(|seq| seq / 1_000).collect();
            for tenant in &tenants {
                *self.given.entry(*tenant).or_default() += 1;
            }
            tenants
        }

        fn given(&self, tenant: i64) -> i64 {
            self.given.get(&tenant).copied().unwrap_or(0)
        }
    }

    #[test]
    fn jobs_are_given_by_weight_however_many_are_fetched_at_once() {
        for at_once in [1, 3, 40] {
            let mut world = World::new(&[(2, 3)]);
            while world.given(1) + world.given(2) < 120 {
                world.pick(&[1, 2], at_once);
            }
            assert!((29..=31).contains(&world.given(1)), "{at_once} at once");
        }
    }

    #[test]
    fn who_was_away_is_served_next_but_gets_nothing_for_the_time_before() {
        let mut world = World::new(&[]);
        world.pick(&[1, 2], 100);
        assert_eq!(world.pick(&[1, 2, 3], 3).len(), 3);
        assert_eq!(
            (world.given(1), world.given(2), world.given(3)),
            (51, 51, 1)
        );
        world.pick(&[1, 2, 3], 30);
        assert_eq!(world.given(3), 11);
    }

    #[test]
    fn a_thousand_tenants_that_came_and_went_are_forgotten() {
        let mut world = World::new(&[]);
        for tenant in 0..1_000 {
            world.pick(&[tenant, 5_000], 2);
        }
        assert!(world.shares.queues["q"].lanes.len() <= FORGET_ABOVE + 1);
    }
}
