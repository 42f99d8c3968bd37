//! Running a worker, and shutting it down.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use apalis::layers::{WorkerBuilderExt, catch_panic::CatchPanicLayer};
use apalis_core::{
    monitor::{Monitor, MonitorError},
    worker::builder::WorkerBuilder as ApalisBuilder,
};
use futures::future::join_all;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    ack::AckLayer,
    builder::WorkerOptions,
    inflight::Inflight,
    keeper::{Keeper, KeeperOptions},
    layers::{HandlerPanic, SpanLayer, panic_message},
    liveness::Liveness,
    maintenance,
    observer::Observer,
    presence::Presence,
    pump::{Pump, Pumped},
    registry::{HandlerService, Registry},
    source::JobSource,
    unknown,
};
use crate::{Broker, WorkerId};

/// Why a worker could not be built, or ended by itself. The process should end with it: something restarts it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The worker was put together wrongly.
    #[error("worker cannot be built: {0}")]
    Invalid(String),
    /// The system gave no thread.
    #[error("worker cannot start: {0}")]
    Start(#[source] std::io::Error),
    /// An apalis worker ended while nobody asked it to.
    #[error("worker ended by itself: {0}")]
    Ended(String),
}

/// What a worker did until its shutdown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunReport {
    /// Attempts whose end is stored.
    pub finished: u64,
    /// Attempts given back at shutdown, without a charge.
    pub released: u64,
    /// Attempts whose lease was lost before their end was stored.
    pub refused: u64,
    /// Jobs whose end the broker did not take in time; their leases run out and others rescue them.
    pub left: usize,
}

/// Runs jobs from one broker.
pub struct Worker<C = ()> {
    pub(super) broker: Arc<dyn Broker>,
    pub(super) id: WorkerId,
    pub(super) context: C,
    pub(super) registry: Arc<Registry<C>>,
    pub(super) queues: BTreeMap<String, usize>,
    pub(super) options: WorkerOptions,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) liveness: Liveness,
}

/// What runs beside the apalis workers. All of it ends with the run, also with one that is dropped in the middle.
struct Tasks {
    pumps: Vec<AbortOnDropHandle<Pumped>>,
    services: Vec<AbortOnDropHandle<()>>,
    abort: CancellationToken,
    stop_services: CancellationToken,
    /// Fires when any pump has ended, however.
    pump_ended: CancellationToken,
}

async fn run_pump(pump: Pump, ended: CancellationToken) -> Pumped {
    let _fires_when_dropped = ended.drop_guard();
    pump.run().await
}

impl<C: Clone + Send + Sync + 'static> Worker<C> {
    /// Returns the worker's name.
    pub fn id(&self) -> &WorkerId {
        &self.id
    }

    /// Returns the handle for health checks. It outlives the run.
    pub fn liveness(&self) -> Liveness {
        self.liveness.clone()
    }

    /// Runs until `shutdown` fires and the jobs are done or given back.
    ///
    /// # Errors
    /// [`RuntimeError::Start`] when a thread is missing, [`RuntimeError::Ended`] when a part ended without being asked:
    /// end the process with a code other than 0.
    ///
    /// # Cancel safety
    /// A dropped run is a crash: handlers are aborted, leases run out, others rescue the jobs.
    pub async fn run(self, shutdown: CancellationToken) -> Result<RunReport, RuntimeError> {
        let inflight = Inflight::default();
        // The caller's token may be shared; what handlers see must not fire anything of the caller's.
        let stopping = shutdown.child_token();
        let presence = Presence::new(
            Arc::clone(&self.broker),
            self.id.clone(),
            self.registry.kinds(),
            self.liveness.clone(),
            self.options.heartbeat,
            stopping.clone(),
        );
        let keeper = Keeper::start(
            Arc::clone(&self.broker),
            inflight.clone(),
            KeeperOptions {
                lease: self.options.lease,
                heartbeat: self.options.heartbeat,
            },
            Arc::clone(&self.observer),
            presence.clone(),
        )
        .map_err(RuntimeError::Start)?;
        let mut tasks = Tasks {
            pumps: Vec::new(),
            services: Vec::new(),
            abort: CancellationToken::new(),
            stop_services: CancellationToken::new(),
            pump_ended: CancellationToken::new(),
        };
        let mut monitor = Monitor::new();
        for (queue, slots) in &self.queues {
            let (pump, source) = self.pump(queue, *slots, &inflight, &stopping, &tasks.abort);
            tasks
                .pumps
                .push(AbortOnDropHandle::new(tokio::spawn(run_pump(
                    pump,
                    tasks.pump_ended.clone(),
                ))));
            monitor = self.register_apalis_worker(monitor, queue, *slots, source);
        }
        self.start_maintenance(&mut tasks);
        tracing::info!(worker = %self.id, queues = ?self.queues, "worker runs");

        let result = self.watch(monitor, &mut tasks, &stopping).await;
        self.liveness.stopped();
        tasks.stop_services.cancel();
        for service in std::mem::take(&mut tasks.services) {
            drop(service.await);
        }
        keeper.stop().await;
        presence.leave().await;
        let mut report = result?;
        report.left = inflight.len();
        tracing::info!(worker = %self.id, ?report, "worker has stopped");
        Ok(report)
    }

    fn pump(
        &self,
        queue: &str,
        slots: usize,
        inflight: &Inflight,
        stopping: &CancellationToken,
        abort: &CancellationToken,
    ) -> (Pump, JobSource) {
        let (jobs, jobs_out) = mpsc::channel(slots);
        let (ends_in, ends) = mpsc::channel(slots);
        let ack = AckLayer {
            ends: ends_in,
            stop_grace: self.options.stop_grace,
            abort: abort.clone(),
        };
        let pump = Pump {
            broker: Arc::clone(&self.broker),
            worker: self.id.clone(),
            queue: queue.to_owned(),
            slots,
            kinds: self.registry.kinds(),
            lease: self.options.lease,
            jobs,
            ends,
            inflight: inflight.clone(),
            liveness: self.liveness.clone(),
            observer: Arc::clone(&self.observer),
            shutdown: stopping.clone(),
            suspect: None,
            held_back: None,
        };
        (pump, JobSource::new(jobs_out, ack))
    }

    fn register_apalis_worker(
        &self,
        monitor: Monitor,
        queue: &str,
        slots: usize,
        source: JobSource,
    ) -> Monitor {
        let name = format!("{}/{queue}", self.id);
        let registry = Arc::clone(&self.registry);
        let context = self.context.clone();
        monitor.register(move |_restarts| {
            ApalisBuilder::new(name.as_str())
                .backend(source.clone())
                .concurrency(slots)
                .layer(CatchPanicLayer::with_panic_handler(
                    |panic: &Box<dyn std::any::Any + Send>| HandlerPanic(panic_message(&**panic)),
                ))
                .layer(SpanLayer)
                .build(HandlerService::new(Arc::clone(&registry), context.clone()))
        })
    }

    fn start_maintenance(&self, tasks: &mut Tasks) {
        if !self.options.maintenance {
            return;
        }
        let WorkerOptions {
            tick, tick_batch, ..
        } = self.options;
        let service = || {
            (
                Arc::clone(&self.broker),
                Arc::clone(&self.observer),
                tasks.stop_services.clone(),
            )
        };
        let (broker, observer, stop) = service();
        let promote = maintenance::promote(broker, tick, tick_batch, observer, stop);
        let (broker, observer, stop) = service();
        let rescue = maintenance::rescue(broker, tick, tick_batch, observer, stop);
        let (broker, observer, stop) = service();
        let watch = unknown::watch(broker, observer, stop);
        tasks.services = vec![
            AbortOnDropHandle::new(tokio::spawn(promote)),
            AbortOnDropHandle::new(tokio::spawn(rescue)),
            AbortOnDropHandle::new(tokio::spawn(watch)),
        ];
    }

    /// Waits for the shutdown, then for the pumps; whatever ends before is an error.
    async fn watch(
        &self,
        monitor: Monitor,
        tasks: &mut Tasks,
        stopping: &CancellationToken,
    ) -> Result<RunReport, RuntimeError> {
        let mut monitor = std::pin::pin!(monitor.run());
        let pumps = join_all(std::mem::take(&mut tasks.pumps));
        let mut monitor_ended = false;
        tokio::select! {
            biased;
            () = stopping.cancelled() => {}
            // The token may fire between two of these polls: then the end was asked for.
            ended = &mut monitor => {
                if !stopping.is_cancelled() {
                    return Err(ended_early(ended));
                }
                monitor_ended = true;
            }
            () = tasks.pump_ended.cancelled() => {
                if !stopping.is_cancelled() {
                    return Err(RuntimeError::Ended("the pump of a queue ended".to_owned()));
                }
            }
        }
        tracing::info!(
            worker = %self.id,
            grace_s = self.options.shutdown_grace.as_secs(),
            "worker stops: no more jobs are fetched, running ones may finish"
        );
        let mut drain = Drain {
            pumps,
            monitor,
            monitor_ended,
        };
        let mut pumped = drain.wait(self.options.shutdown_grace).await;
        if pumped.is_none() {
            tasks.abort.cancel();
            // Long enough for a broker that answers; after a lease without an answer the jobs are lost to us anyway.
            pumped = drain.wait(self.options.lease).await;
        }
        let mut report = RunReport::default();
        for pumped in pumped.into_iter().flatten() {
            let pumped = pumped.map_err(|error| RuntimeError::Ended(error.to_string()))?;
            report.finished += pumped.finished;
            report.released += pumped.released;
            report.refused += pumped.refused;
        }
        Ok(report)
    }
}

/// The two halves of a worker that is going down. The apalis side must be polled for as long as handlers run.
struct Drain<P, M> {
    pumps: P,
    monitor: M,
    monitor_ended: bool,
}

impl<P: Future + Unpin, M: Future + Unpin> Drain<P, M> {
    /// Waits for the pumps, at most `limit`.
    async fn wait(&mut self, limit: Duration) -> Option<P::Output> {
        let mut deadline = std::pin::pin!(tokio::time::sleep(limit));
        loop {
            tokio::select! {
                pumped = &mut self.pumps => return Some(pumped),
                _ = &mut self.monitor, if !self.monitor_ended => self.monitor_ended = true,
                () = &mut deadline => return None,
            }
        }
    }
}

fn ended_early(ended: Result<(), MonitorError>) -> RuntimeError {
    RuntimeError::Ended(match ended {
        Ok(()) => "every apalis worker ended".to_owned(),
        Err(error) => error.to_string(),
    })
}
