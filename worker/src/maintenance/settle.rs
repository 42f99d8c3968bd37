//! Keeps stage rows and jobs in step: one sweep over everything that is open, then event by event.

use std::time::Duration;

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
    let mut swept = false;
    while !swept {
        match sweep(&services).await {
            Ok(_) => swept = true,
            Err(error) => {
                warn!(%error, "open stages cannot be compared with the broker yet");
                if stop
                    .run_until_cancelled(tokio::time::sleep(EVERY))
                    .await
                    .is_none()
                {
                    return;
                }
            }
        }
    }
    while stop
        .run_until_cancelled(tokio::time::sleep(EVERY))
        .await
        .is_some()
    {
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
