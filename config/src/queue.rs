//! `[queue]`: the job engine.

use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use crate::units;

/// The job engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueConfig {
    /// What remembers an accepted job when jobs wait in Redis.
    pub durability: Durability,
    /// How long a job stays a worker's without a sign of life.
    #[serde(with = "units::duration")]
    pub lease: Duration,
    /// How often leases are renewed; at most a third of `lease`.
    #[serde(with = "units::duration")]
    pub heartbeat: Duration,
    /// How often due jobs are promoted and lost leases rescued.
    #[serde(with = "units::duration")]
    pub tick: Duration,
    /// Jobs that change in one step of a tick, at most.
    #[serde(with = "units::whole")]
    pub tick_batch: usize,
    /// Leases a job may lose before it is dead.
    #[serde(with = "units::whole")]
    pub crash_budget: u32,
    /// A job that has been ready this long is fetched in its turn even while more urgent ones wait.
    #[serde(with = "units::duration")]
    pub starvation_after: Duration,
    /// The largest payload, as JSON.
    #[serde(with = "units::size")]
    pub max_payload_size: ByteSize,
    /// The largest result, as JSON.
    #[serde(with = "units::size")]
    pub max_result_size: ByteSize,
    /// The largest checkpoint, as JSON.
    #[serde(with = "units::size")]
    pub max_checkpoint_size: ByteSize,
    /// Failed attempts kept with a job.
    #[serde(with = "units::whole")]
    pub max_errors: usize,
    /// How long completed jobs are kept.
    #[serde(with = "units::duration")]
    pub retain_completed: Duration,
    /// How long cancelled jobs are kept.
    #[serde(with = "units::duration")]
    pub retain_cancelled: Duration,
    /// How long dead jobs are kept.
    #[serde(with = "units::duration")]
    pub retain_dead: Duration,
    /// How long events are kept.
    #[serde(with = "units::duration")]
    pub retain_events: Duration,
    /// How often the pruner looks.
    #[serde(with = "units::duration")]
    pub prune_every: Duration,
    /// Rows it deletes in one step, at most.
    #[serde(with = "units::whole")]
    pub prune_batch: usize,
}

/// What must have a job before its submit returns, when jobs wait in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// SQL: a Redis that is emptied costs only time.
    Ledger,
    /// Redis alone.
    Redis,
}

impl Durability {
    /// Returns the name used in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Redis => "redis",
        }
    }
}
