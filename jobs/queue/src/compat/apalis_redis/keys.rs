//! The keys of one apalis-redis queue, as the crate spells them, and the one that is ours.

use apalis_core::worker::context::WorkerContext;
use apalis_redis::Config;

pub(super) struct Keys {
    pub(super) workers: String,
    pub(super) active: String,
    pub(super) scheduled: String,
    /// `Q:inflight:W` of this store's worker.
    pub(super) inflight: String,
    /// `Q:inflight`, before the name of any worker.
    inflight_prefix: String,
    pub(super) data: String,
    /// `Q:meta`, before the id of a task.
    meta_prefix: String,
    pub(super) done: String,
    pub(super) dead: String,
    /// ZSET id → run_at in seconds (0: now): tasks that are ours and not settled yet. The only key that is not apalis's.
    pub(super) hand_over: String,
}

impl Keys {
    pub(super) fn new(queue: &str, worker: &str) -> Self {
        let config = Config::default().queue(queue);
        Self {
            workers: config.workers_set(),
            active: config.active_jobs_list(),
            scheduled: config.scheduled_jobs_set(),
            inflight: config.inflight_set_for(&WorkerContext::new(worker)),
            inflight_prefix: config.inflight_jobs_set(),
            data: config.job_data_hash(),
            meta_prefix: config.job_meta_hash(),
            done: config.done_jobs_set(),
            dead: config.dead_jobs_set(),
            hand_over: format!("{queue}:graphmill"),
        }
    }

    /// The inflight SET of any worker.
    pub(super) fn inflight_of(&self, worker: &[u8]) -> Vec<u8> {
        [self.inflight_prefix.as_bytes(), b":", worker].concat()
    }

    /// The metadata HASH of a task.
    pub(super) fn meta(&self, id: &[u8]) -> Vec<u8> {
        [self.meta_prefix.as_bytes(), b":", id].concat()
    }
}
