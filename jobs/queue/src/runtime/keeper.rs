//! The lease keeper: one thread, one runtime of its own, one call per heartbeat for all of a worker's leases.
//!
//! It is no task of the main runtime because handlers may block all of that one's threads, and a lease must outlive
//! that: progress of the machine, not of one executor, is what a heartbeat proves.

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{backoff::Failures, inflight::Inflight, observer::Observer, presence::Presence};
use crate::Broker;

/// A running keeper.
pub(super) struct Keeper {
    thread: Option<JoinHandle<()>>,
    stop: CancellationToken,
}

/// What a keeper needs.
pub(super) struct KeeperOptions {
    pub(super) lease: Duration,
    pub(super) heartbeat: Duration,
}

impl Keeper {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread or no runtime.
    pub(super) fn start(
        broker: Arc<dyn Broker>,
        inflight: Inflight,
        options: KeeperOptions,
        observer: Arc<dyn Observer>,
        presence: Presence,
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("lease-keeper".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let keep = keep(&*broker, &inflight, &options, &*observer);
                    let both = futures::future::join(keep, presence.run());
                    stopped.run_until_cancelled(both).await;
                });
            })?;
        Ok(Self {
            thread: Some(thread),
            stop,
        })
    }

    /// Ends the thread; the leases that are left run out.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // Joining blocks for as long as the broker's last answer takes.
            drop(tokio::task::spawn_blocking(move || thread.join()).await);
        }
    }
}

/// A worker whose future is dropped must not keep leases alive.
impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn keep(
    broker: &dyn Broker,
    inflight: &Inflight,
    options: &KeeperOptions,
    observer: &dyn Observer,
) {
    let mut failures = Failures::of("renew");
    loop {
        tokio::time::sleep(options.heartbeat).await;
        loop {
            let renewals = inflight.renewals();
            if renewals.is_empty() {
                break;
            }
            match broker.renew(options.lease, &renewals).await {
                Ok(answers) => {
                    failures.succeeded();
                    inflight.renewed(&renewals, &answers);
                    break;
                }
                Err(error) => {
                    inflight.not_renewed(&renewals);
                    observer.broker_failed("renew");
                    let wait = failures.failed(&error).min(options.heartbeat);
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }
}
