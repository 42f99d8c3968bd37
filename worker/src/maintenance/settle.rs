//! Keeps stage rows and jobs in step: a sweep over everything that is open at the start and when a submit was cut off
//! between the two stores, and event by event otherwise.

use std::{sync::atomic::Ordering, time::Duration};

use graphmill_pipeline::{
    Services,
    reconcile::{Settler, sweep},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How often the broker's events are read. A document whose parser job died shows as failed this much later at most.
const EVERY: Duration = Duration::from_secs(1);

/// Runs until `stop` fires. Jobs run beside it: both the sweep and the steps are safe against them.
pub(super) async fn run(services: Services, mut settler: Settler, stop: CancellationToken) {
    let mut failing = false;
    services.sweep_wanted.store(true, Ordering::Release);
    while stop
        .run_until_cancelled(tokio::time::sleep(EVERY))
        .await
        .is_some()
    {
        if services.sweep_wanted.swap(false, Ordering::AcqRel)
            && let Err(error) = sweep(&services).await
        {
            warn!(%error, "open stages cannot be compared with the broker yet");
            services.sweep_wanted.store(true, Ordering::Release);
        }
        match settler.step().await {
            Ok(_) => failing = false,
            // Said once: the next step begins where this one stopped.
            Err(error) if !failing => {
                failing = true;
                warn!(%error, "dead jobs cannot be settled yet");
            }
            Err(_) => {}
        }
    }
}
