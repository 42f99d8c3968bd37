//! What a metrics library may want to know, without this crate depending on one.

use std::time::Duration;

use crate::broker::Rescued;

/// Is told what happens. Calls come from the hot path and must return at once.
pub trait Observer: Send + Sync + 'static {
    /// An attempt ended and its end is stored. `outcome` is [`crate::Outcome::label`] or one of `panic`, `timeout`,
    /// `rejected`, `expired`, `lost`. `wait` is from when the job might run until it began, `run` the attempt itself.
    fn job_finished(&self, queue: &str, kind: &str, outcome: &str, wait: Duration, run: Duration) {
        let _ = (queue, kind, outcome, wait, run);
    }

    /// A job was taken back from a lost worker.
    fn job_rescued(&self, job: &Rescued) {
        let _ = job;
    }

    /// Jobs are ready that no live worker knows the kind of, or this version of it, and have been for a while. Told again
    /// and again for as long as that holds.
    fn unknown_kind(&self, queue: &str, kind: &str, schema_version: u32, jobs: u64) {
        let _ = (queue, kind, schema_version, jobs);
    }

    /// A call to the broker failed and will be repeated.
    fn broker_failed(&self, verb: &str) {
        let _ = verb;
    }
}

/// Ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {}
