//! What runs beside the jobs: one file a service. Promotion and rescue are the engine's own.

mod settle;

use std::{sync::Arc, time::Duration};

use graphmill_pipeline::{
    Services,
    reconcile::{Settler, SweepError},
};
use graphmill_queue::{broker::Retention, runtime::maintenance::prune};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::metrics::WorkerMetrics;

/// The services of one worker process.
pub(crate) struct Maintenance {
    pub(crate) services: Services,
    pub(crate) observer: Arc<WorkerMetrics>,
    pub(crate) retention: Retention,
    pub(crate) prune_every: Duration,
    pub(crate) prune_batch: usize,
}

/// Services that run. Dropping it aborts them.
pub(crate) struct Running {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Maintenance {
    /// Starts the services.
    pub(crate) async fn start(self, shutdown: CancellationToken) -> Result<Running, SweepError> {
        // The settler begins where the sweep's view of the world begins, so no death falls between the two.
        let settler = Settler::start(self.services.clone()).await?;
        let stop = shutdown.child_token();
        let mut tasks = JoinSet::new();
        tasks.spawn(settle::run(self.services.clone(), settler, stop.clone()));
        let broker = self.services.broker;
        tasks.spawn(prune(
            broker,
            self.retention,
            self.prune_every,
            self.prune_batch,
            self.observer,
            stop.clone(),
        ));
        Ok(Running { tasks, stop })
    }
}

impl Running {
    /// Ends the services and waits for them.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}
