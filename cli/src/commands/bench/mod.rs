//! `graphmill bench queue`: what the job engine does on this machine, with jobs that do nothing.
//!
//! The command measures from outside: it submits, and starts workers as processes of their own, which report what they
//! saw. So the figures are those of a deployment, not of one process talking to itself.

mod engine;
mod process;
pub(crate) mod queue;
pub(crate) mod worker;

use std::time::Duration;

use graphmill_queue::{Job, JobContext, Outcome};
use serde::{Deserialize, Serialize};

/// The queue of the benchmark's jobs.
const QUEUE: &str = "bench";
/// How long the latency is measured, at [`LATENCY_RATE`] jobs a second.
const LATENCY_FOR: Duration = Duration::from_secs(10);
const LATENCY_RATE: u32 = 100;
/// How long an idle worker is watched.
const IDLE_FOR: Duration = Duration::from_secs(10);

/// Does nothing; its payload has about 200 bytes as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Nothing {
    /// When it was submitted, ns since 1970 on this machine's clock.
    sent_ns: u64,
    filler: String,
}

impl Nothing {
    fn now() -> Self {
        Self {
            sent_ns: process::now_ns(),
            filler: "x".repeat(150),
        }
    }
}

impl Job for Nothing {
    const KIND: &'static str = "bench.nothing";
    const QUEUE: &'static str = QUEUE;
    type Context = worker::Watch;

    async fn run(self, watch: Self::Context, _: JobContext) -> Outcome {
        watch.started(self.sent_ns);
        Outcome::done()
    }
}

/// What a worker process says when it ends.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Seen {
    jobs: u64,
    /// Jobs a second between the tenth and the ninety-fifth of a hundred; 0 where it did not come that far.
    rate_per_s: f64,
    cpu_s: f64,
    rss_mb: f64,
    /// Submit to start, ms.
    p50_ms: f64,
    p99_ms: f64,
}
