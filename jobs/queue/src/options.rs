//! The limits that every broker keeps; the settings behind them are `queue.*`.

use std::time::Duration;

/// A broker's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerOptions {
    /// Leases a job may lose before it is dead: crashed.
    pub crash_budget: u32,
    /// The largest payload as JSON, bytes.
    pub max_payload_bytes: usize,
    /// The largest result as JSON, bytes; a job whose result is larger is dead: permanent.
    pub max_result_bytes: usize,
    /// The largest checkpoint as JSON, bytes; a larger one is not kept.
    pub max_checkpoint_bytes: usize,
    /// Failed attempts kept with a job.
    pub max_errors: usize,
    /// A job that has been ready this long may overtake more urgent ones: every eighth fetched job of a queue is the
    /// one that has waited longest.
    pub starvation_after: Duration,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            crash_budget: 3,
            max_payload_bytes: 64 << 10,
            max_result_bytes: 64 << 10,
            max_checkpoint_bytes: 16 << 10,
            max_errors: 10,
            starvation_after: Duration::from_mins(1),
        }
    }
}
