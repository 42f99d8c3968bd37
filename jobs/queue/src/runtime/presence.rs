//! What a worker says of itself, from the keeper's thread: handlers that block every other thread must not make their worker
//! look dead.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{backoff::Failures, liveness::Liveness};
use crate::{
    Broker, WorkerId,
    clock::{Clock, SystemClock},
    workers::{WorkerInfo, WorkerKind, WorkerQueue},
};

/// The shortest time between two reports: they must not be what an idle worker costs its broker.
const INTERVAL: Duration = Duration::from_secs(5);
/// How many reports in a row may be lost before the worker is taken for dead.
const REPORTS_LOST: u32 = 4;
/// How long a worker that ends waits for its broker to take it out.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a worker needs to report.
#[derive(Clone)]
pub(super) struct Presence {
    broker: Arc<dyn Broker>,
    id: WorkerId,
    kinds: Vec<WorkerKind>,
    liveness: Liveness,
    interval: Duration,
    started_at: Timestamp,
    draining: CancellationToken,
}

impl Presence {
    pub(super) fn new(
        broker: Arc<dyn Broker>,
        id: WorkerId,
        kinds: Vec<(String, u32)>,
        liveness: Liveness,
        heartbeat: Duration,
        draining: CancellationToken,
    ) -> Self {
        let kinds = kinds.into_iter().map(|(kind, schema_version)| WorkerKind {
            kind,
            schema_version,
        });
        Self {
            broker,
            id,
            kinds: kinds.collect(),
            liveness,
            interval: heartbeat.max(INTERVAL),
            started_at: SystemClock.now(),
            draining,
        }
    }

    /// Reports until it is dropped: at once, then every interval, and when the worker begins to drain.
    pub(super) async fn run(&self) {
        let mut failures = Failures::of("report_worker");
        loop {
            let draining = self.draining.is_cancelled();
            let ttl = self.interval * REPORTS_LOST;
            match self.broker.report_worker(&self.info(), ttl).await {
                Ok(()) => failures.succeeded(),
                Err(error) => drop(failures.failed(&error)),
            }
            tokio::select! {
                () = tokio::time::sleep(self.interval) => {}
                () = self.draining.cancelled(), if !draining => {}
            }
        }
    }

    /// Takes the worker out, if the broker answers soon; else its last report runs out.
    pub(super) async fn leave(&self) {
        let gone = self.info();
        let leave = self.broker.report_worker(&gone, Duration::ZERO);
        if !matches!(tokio::time::timeout(FAREWELL, leave).await, Ok(Ok(()))) {
            tracing::debug!(worker = %self.id, "worker ends without having taken itself out");
        }
    }

    fn info(&self) -> WorkerInfo {
        let now = SystemClock.now();
        let queues = self.liveness.snapshot();
        // A queue that has not fetched yet has no instant.
        let fetched = queues.iter().map(|queue| queue.since_fetch).min();
        WorkerInfo {
            id: self.id.clone(),
            host: read_line("/proc/sys/kernel/hostname").unwrap_or_else(|| "unknown".to_owned()),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            last_fetch_at: fetched.and_then(|since| now.checked_sub(since).ok()),
            queues: queues
                .into_iter()
                .map(|queue| WorkerQueue {
                    busy: queue.slots - queue.free.min(queue.slots),
                    queue: queue.queue,
                    slots: queue.slots,
                })
                .collect(),
            kinds: self.kinds.clone(),
            rss_bytes: rss_bytes(),
            started_at: self.started_at,
            seen_at: now,
            draining: self.draining.is_cancelled(),
        }
    }
}

/// The files are the kernel's: reading them waits for nothing.
fn read_line(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

fn rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}
