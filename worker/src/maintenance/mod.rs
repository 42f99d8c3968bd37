//! What runs beside the jobs: one file a service. Promotion and rescue are the engine's own.
//!
//! Every worker process runs all of it, and each of it is safe beside its like in other processes: promotion, rescue and
//! pruning are one atomic step of the broker a call, which finds nothing left where another process was faster; the sweep
//! may be done twice (see `graphmill_pipeline::reconcile`); the settler is on duty in one process at a time; a tick of a
//! schedule fires once, by its unique key; a task of another job system arrives once, by its id.

pub(crate) mod compat;
mod settle;

use std::{sync::Arc, time::Duration};

use graphmill_pipeline::{Services, duty::Duty, reconcile::sweep_when_wanted};
use graphmill_queue::{
    broker::Retention,
    compat::apalis_redis::{Source, serve},
    runtime::maintenance::prune,
    schedule::Scheduler,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::metrics::WorkerMetrics;

/// The services of one worker process.
pub(crate) struct Maintenance {
    pub(crate) services: Services,
    pub(crate) settle: Duty,
    pub(crate) observer: Arc<WorkerMetrics>,
    pub(crate) retention: Retention,
    pub(crate) prune_every: Duration,
    pub(crate) prune_batch: usize,
    /// Queues of other job systems.
    pub(crate) apalis: Vec<Source>,
}

/// Services that run. Dropping it aborts them.
pub(crate) struct Running {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Maintenance {
    /// Starts the services.
    pub(crate) fn start(self, shutdown: &CancellationToken) -> Running {
        let stop = shutdown.child_token();
        let mut tasks = JoinSet::new();
        tasks.spawn(sweep_when_wanted(self.services.clone(), stop.clone()));
        tasks.spawn(settle::run(
            self.services.clone(),
            self.settle,
            stop.clone(),
        ));
        let broker = self.services.broker;
        let scheduler = Scheduler::new(broker.clone(), self.services.schedules);
        tasks.spawn(scheduler.run(stop.clone()));
        for source in self.apalis {
            tasks.spawn(serve(
                source,
                broker.clone(),
                self.observer.clone(),
                stop.clone(),
            ));
        }
        tasks.spawn(prune(
            broker,
            self.retention,
            self.prune_every,
            self.prune_batch,
            self.observer,
            stop.clone(),
        ));
        Running { tasks, stop }
    }
}

impl Running {
    /// Ends the services and waits for them.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}
