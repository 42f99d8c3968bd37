//! The runtime that hosts handlers.
//!
//! [`prepare`] puts together what a worker process is made of; [`PreparedWorker::run`] runs it until its shutdown:
//!
//! - [`registry`]: the one visible list of job kinds;
//! - [`sandbox`]: parsers in child processes;
//! - [`maintenance`]: what keeps stores and broker in step, and what deletes the old;
//! - [`metrics`]: what Prometheus is told;
//! - [`health`]: what a process of its own answers about itself.
//!
//! The handlers themselves are in `graphmill-pipeline`, the engine in `graphmill-queue`.

pub mod health;
pub mod maintenance;
pub mod metrics;
pub mod registry;
pub mod sandbox;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use graphmill_config::Config;
use graphmill_documents::{chunk::ChunkOptions, limits::Limits};
use graphmill_pipeline::{Pipeline, Services, context::Settings, cpu_pool::CpuPool, duty::Duty};
use graphmill_queue::{
    broker::Retention,
    runtime::{Liveness, RunReport, RuntimeError, Worker, WorkerOptions},
};
use tokio_util::sync::CancellationToken;

use crate::{
    health::Health,
    maintenance::{Maintenance, compat},
    metrics::WorkerMetrics,
    sandbox::{ParserCommand, ParserPool, PoolOptions},
};

/// Why a worker could not start, or ended by itself. The process should end with it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The engine.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The threads of the CPU pool.
    #[error("the CPU pool cannot start: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The first parser process.
    #[error("parser processes cannot be prepared: {0}")]
    Parsers(#[source] std::io::Error),
    /// The queue of another job system.
    #[error("a queue of `compat.apalis_redis` cannot be drained: {0}")]
    Compat(#[source] graphmill_queue::Error),
    /// The metrics.
    #[error("the metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A worker that is ready to run.
pub struct PreparedWorker {
    worker: Worker<Pipeline>,
    maintenance: Maintenance,
    health: Health,
}

/// Puts a worker together: pools, parsers, registry, metrics. Nothing runs yet.
///
/// # Errors
/// See [`WorkerError`].
pub fn prepare(
    services: Services,
    config: &Config,
    parser: ParserCommand,
    metrics: &prometheus::Registry,
) -> Result<PreparedWorker, WorkerError> {
    let observer = Arc::new(WorkerMetrics::register(metrics)?);
    let pipeline = Pipeline {
        services: services.clone(),
        parser: Arc::new(parser_pool(parser, config).map_err(WorkerError::Parsers)?),
        cpu: CpuPool::new(config.worker.cpu_threads.get())?,
        settings: Settings {
            chunk: chunk_options(config),
            shard_chunks: u32::try_from(config.embedding.shard_chunks).unwrap_or(u32::MAX),
        },
    };
    let mut builder = Worker::builder(services.broker.clone())
        .context(pipeline)
        .observer(observer.clone());
    for (queue, slots) in config.worker.served_queues() {
        builder = builder.queue(queue, slots);
    }
    let worker = registry::register(builder)
        .options(worker_options(config))
        .build()?;
    let health = Health {
        liveness: worker.liveness(),
        services: services.clone(),
        registry: metrics.clone(),
        ready_timeout: config.api.ready_timeout,
    };
    let maintenance = Maintenance {
        services,
        settle: Duty::new(&config.data_dir, "settle"),
        observer,
        retention: retention(config),
        prune_every: config.queue.prune_every,
        prune_batch: config.queue.prune_batch,
        apalis: compat::apalis_sources(config).map_err(WorkerError::Compat)?,
    };
    Ok(PreparedWorker {
        worker,
        maintenance,
        health,
    })
}

impl PreparedWorker {
    /// Returns the handle for health checks.
    pub fn liveness(&self) -> Liveness {
        self.worker.liveness()
    }

    /// Returns what [`health::serve`] answers from.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Runs jobs, and compares the stores with the broker beside them, until `shutdown` fires and they are done or given back.
    ///
    /// # Errors
    /// See [`WorkerError`]: end the process with a code other than 0.
    pub async fn run(self, shutdown: CancellationToken) -> Result<RunReport, WorkerError> {
        let services = self.maintenance.start(&shutdown);
        let report = self.worker.run(shutdown).await;
        services.stop().await;
        Ok(report?)
    }
}

fn worker_options(config: &Config) -> WorkerOptions {
    WorkerOptions {
        lease: config.queue.lease,
        heartbeat: config.queue.heartbeat,
        tick: config.queue.tick,
        tick_batch: config.queue.tick_batch,
        shutdown_grace: config.worker.shutdown_grace,
        stop_grace: config.worker.stop_grace,
        ..WorkerOptions::default()
    }
}

fn retention(config: &Config) -> Retention {
    Retention {
        completed: config.queue.retain_completed,
        cancelled: config.queue.retain_cancelled,
        dead: config.queue.retain_dead,
        events: config.queue.retain_events,
    }
}

/// Returns how documents are cut.
pub fn chunk_options(config: &Config) -> ChunkOptions {
    ChunkOptions {
        target_tokens: config.chunk.target_tokens,
        max_tokens: config.chunk.max_tokens,
        overlap_tokens: config.chunk.overlap_tokens,
        ..ChunkOptions::default()
    }
}

/// Makes the pool of parser processes that the settings describe. No process runs yet.
///
/// # Errors
/// The system gives no thread.
pub fn parser_pool(command: ParserCommand, config: &Config) -> std::io::Result<ParserPool> {
    ParserPool::new(command, parser_options(config))
}

fn parser_options(config: &Config) -> PoolOptions {
    let documents = &config.documents;
    PoolOptions {
        size: NonZeroUsize::new(documents.parsers.get()).unwrap_or(NonZeroUsize::MIN),
        timeout: documents.parse_timeout,
        memory_bytes: documents.parse_memory.as_u64(),
        recycle_after: documents.parser_recycle,
        limits: Limits {
            max_member_bytes: documents.max_member_size.as_u64(),
            max_inflated_bytes: documents.max_inflated_size.as_u64(),
            max_pages: documents.max_pages,
            max_cells: documents.max_cells,
            max_nesting: documents.max_nesting,
            max_container_depth: documents.max_container_depth,
            max_members: documents.max_members,
            max_inflation_ratio: documents.max_inflation_ratio,
            max_text_bytes: documents.max_text_size.as_u64() as usize,
        },
    }
}

/// How long a queue with free slots may go without a successful fetch before the process counts as not live.
pub const STALLED_AFTER: Duration = Duration::from_secs(30);
