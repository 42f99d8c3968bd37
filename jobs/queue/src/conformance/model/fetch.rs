//! Which jobs a fetch may give: a choice of the broker, within bounds.

use super::{
    machine::{LEASE, Machine},
    step::{KINDS, QUEUES, Slots},
};
use crate::{
    JobId, JobState, Priority, WorkerId,
    broker::{FetchRequest, Lease, QueueSlots},
};

/// After this long at least, a job may overtake more urgent ones: a broker under test has the default.
const STARVATION_MS: i64 = 60_000;
/// One job in so many may overtake.
const STARVATION_SHARE: usize = 8;

impl Machine {
    pub(super) fn request(slots: Slots) -> FetchRequest {
        FetchRequest {
            worker: WorkerId::new("model"),
            slots: vec![QueueSlots {
                queue: QUEUES[slots.queue].to_owned(),
                free: slots.free,
            }],
            kinds: KINDS.map(|kind| (kind.to_owned(), 1)).to_vec(),
            lease: LEASE,
        }
    }

    pub(super) async fn fetch(&mut self, slots: Slots) {
        let request = Self::request(slots);
        let leases = self.fixture.broker.fetch(&request).await.unwrap();
        self.take_leases(slots, &leases);
    }

    /// Checks that the broker gave what it might, and takes it over.
    pub(super) fn take_leases(&mut self, slots: Slots, leases: &[Lease]) {
        assert!(leases.len() <= slots.free, "no more than asked for");
        self.plain.before_fetch(QUEUES[slots.queue]);
        for lease in leases {
            self.take_lease(slots, lease);
        }
        // What may still run now might have run instead of any of these: limits only shrink while a fetch picks.
        let left = self
            .plain
            .which(|known| known.spec.queue == QUEUES[slots.queue] && self.plain.may_run(known));
        if leases.len() < slots.free {
            assert!(left.is_empty(), "left though slots are free: {left:?}");
        }
        self.check_order(leases, &left);
    }

    fn take_lease(&mut self, slots: Slots, lease: &Lease) {
        let now = self.plain.now;
        let id = lease.job.id();
        let known = self.plain.jobs.get(&id).expect("a leased job was accepted");
        assert_eq!(known.spec.queue, QUEUES[slots.queue]);
        assert!(
            self.plain.may_run(known),
            "leased though it may not run: {known:?}"
        );
        let known = self.plain.known(id);
        known.state = JobState::Running;
        known.attempt += 1;
        known.epoch += 1;
        known.leases.push(known.epoch);
        known.lease_until = now + LEASE.as_millis() as i64;
        known.started_at = Some(now);
        assert_eq!(lease.epoch, known.epoch);
        known.agrees_with(&lease.job);
    }

    /// The most urgent come first, but for a share of those that have waited very long.
    fn check_order(&self, leases: &[Lease], left: &[JobId]) {
        let priorities = left.iter().map(|id| self.plain.jobs[id].spec.priority);
        let mut most_urgent = priorities.min().unwrap_or(Priority::Low);
        let mut overtook = 0;
        for lease in leases.iter().rev() {
            if lease.job.spec.priority > most_urgent {
                let waited = self.plain.now - self.plain.jobs[&lease.job.id()].submitted_at;
                assert!(waited >= STARVATION_MS, "overtook after {waited} ms");
                overtook += 1;
            } else {
                most_urgent = lease.job.spec.priority;
            }
        }
        let share = leases.len() / STARVATION_SHARE + 1;
        assert!(overtook <= share, "{overtook} overtook");
    }
}
