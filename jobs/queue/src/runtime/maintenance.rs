//! What keeps a broker's jobs moving beside the workers: promotion, rescue, pruning. One function a service; each runs
//! until its token fires, waits with jitter so that many processes do not act at once, and logs a failure once.

use std::{sync::Arc, time::Duration};

use rand::Rng;
use tokio_util::sync::CancellationToken;

use super::{backoff::Failures, observer::Observer};
use crate::{Broker, broker::Retention};

/// While the broker was away leases have run out whose workers live. They get this long to renew them, or to store what was
/// done meanwhile, before anybody takes their jobs: longer than the longest wait of a loop that repeats its calls.
const AFTER_OUTAGE: Duration = Duration::from_secs(5);

/// Makes due jobs ready and kills expired ones, every `tick`, at most `batch` in one call.
pub async fn promote(
    broker: Arc<dyn Broker>,
    tick: Duration,
    batch: usize,
    observer: Arc<dyn Observer>,
    stop: CancellationToken,
) {
    let mut pace = Pace::new("promote", tick, batch, observer, stop);
    while pace.next().await {
        if !broker.is_quiet() {
            pace.stepped(broker.promote_due(batch).await);
        }
    }
}

/// Takes jobs back from lost workers, every `tick`, at most `batch` in one call. After the broker was away, it waits
/// before it begins again.
pub async fn rescue(
    broker: Arc<dyn Broker>,
    tick: Duration,
    batch: usize,
    observer: Arc<dyn Observer>,
    stop: CancellationToken,
) {
    let mut pace = Pace::new("rescue", tick, batch, Arc::clone(&observer), stop);
    let mut away = false;
    while pace.next().await {
        if broker.is_quiet() {
            continue;
        }
        if away {
            if let Err(error) = broker.ping().await {
                pace.stepped(Err(error));
                continue;
            }
            pace.stepped(Ok(0));
            let wait = tokio::time::sleep(AFTER_OUTAGE);
            if pace.stop.run_until_cancelled(wait).await.is_none() {
                break;
            }
        }
        let rescued = broker.rescue_expired(batch).await;
        away = rescued.is_err();
        for job in rescued.iter().flatten() {
            tracing::warn!(
                job.id = %job.id,
                job.kind = job.kind,
                queue.name = job.queue,
                job.state = %job.state,
                worker = job.worker.as_ref().map(crate::WorkerId::as_str),
                "job was taken back from a lost worker"
            );
            observer.job_rescued(job);
        }
        pace.stepped(rescued.map(|rescued| rescued.len()));
    }
}

/// Deletes ended jobs whose retention is over, every `interval`, at most `batch` in one call.
pub async fn prune(
    broker: Arc<dyn Broker>,
    retention: Retention,
    interval: Duration,
    batch: usize,
    observer: Arc<dyn Observer>,
    stop: CancellationToken,
) {
    let mut pace = Pace::new("prune", interval, batch, observer, stop);
    while pace.next().await {
        pace.stepped(broker.prune(&retention, batch).await);
    }
}

/// When a service takes its next step: every interval, at once where there is more to do, later after a failure.
pub(crate) struct Pace {
    what: &'static str,
    interval: Duration,
    batch: usize,
    wait: Duration,
    failures: Failures,
    observer: Arc<dyn Observer>,
    stop: CancellationToken,
}

impl Pace {
    pub(crate) fn new(
        what: &'static str,
        interval: Duration,
        batch: usize,
        observer: Arc<dyn Observer>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            what,
            interval,
            batch,
            wait: jittered(interval),
            failures: Failures::of(what),
            observer,
            stop,
        }
    }

    /// Waits for the next step; `false` means that there is none.
    pub(crate) async fn next(&self) -> bool {
        let sleep = tokio::time::sleep(self.wait);
        self.stop.run_until_cancelled(sleep).await.is_some()
    }

    /// Notes how many jobs a step changed.
    pub(crate) fn stepped(&mut self, changed: crate::Result<usize>) {
        self.wait = match changed {
            Ok(changed) => {
                self.failures.succeeded();
                if changed >= self.batch {
                    Duration::ZERO
                } else {
                    jittered(self.interval)
                }
            }
            Err(error) => {
                self.observer.broker_failed(self.what);
                self.failures.failed(&error).max(self.interval)
            }
        };
    }
}

/// A tenth more or less.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(rand::rng().random_range(0.9..=1.1))
}
