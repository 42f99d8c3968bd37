//! The worker process: the real runtime on the real Redis broker, with handlers that misbehave as they are told.

mod acts;
mod client;
mod effects;
mod failpoints;
mod opened;

use std::{io::Read, path::PathBuf, sync::Arc, time::Duration};

use graphmill_queue::{
    BrokerOptions, Worker, redis::RedisOptions, runtime::WorkerOptions, schedule::Scheduler,
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub use self::{
    acts::{Act, NewerAct, UnknownAct},
    client::{BulkArgs, bulk_jobs, submit_bulk},
    opened::Opened,
};
use self::{effects::EffectLog, failpoints::Failpoints};

/// How a worker process is started: one argument, as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkerArgs {
    /// Where Redis is.
    pub url: String,
    /// What its keys begin with.
    pub prefix: String,
    /// The queue it serves.
    pub queue: String,
    /// Jobs at once.
    pub slots: usize,
    /// The lease, ms; a fifth of it is the heartbeat.
    pub lease_ms: u64,
    /// The time to finish after SIGTERM, ms.
    pub grace_ms: u64,
    /// Its name, and that of its file of effects.
    pub name: String,
    /// The folder of the files of effects.
    pub effects: PathBuf,
    /// The probability to die between fetch and start.
    pub die_before_start: f64,
    /// The probability to die between effect and ack.
    pub die_before_ack: f64,
    /// Of the two above.
    pub seed: u64,
    /// See [`BrokerOptions::crash_budget`].
    pub crash_budget: u32,
    /// Whether it promotes and rescues.
    pub maintenance: bool,
    /// The most memory it may have, MiB; 0 for no limit.
    pub memory_mib: u64,
    /// Whether it also knows [`UnknownAct`] and [`NewerAct`].
    pub newer: bool,
    /// The database of the ledger, where there is one.
    pub ledger: Option<PathBuf>,
    /// Whether it fires the schedules of that database.
    pub schedules: bool,
}

/// Runs until SIGTERM, or until the harness that started it has gone.
pub async fn run(args: WorkerArgs) {
    die_with_the_harness();
    if args.memory_mib > 0 {
        limit_memory(args.memory_mib << 20);
    }
    let log = EffectLog::open(&args.effects, &args.name);
    let redis = RedisOptions {
        prefix: args.prefix.clone(),
        ..RedisOptions::new(args.url.clone())
    };
    let options = BrokerOptions {
        crash_budget: args.crash_budget,
        ..BrokerOptions::default()
    };
    let opened = Opened::open(redis, options, args.ledger.as_deref()).await;
    let broker = Arc::new(Failpoints::new(opened.broker.clone(), &args));
    let lease = Duration::from_millis(args.lease_ms);
    let builder = Worker::builder(broker)
        .context(log.clone())
        .name(args.name.clone())
        .queue(args.queue.clone(), args.slots)
        .observer(Arc::new(log.clone()))
        .options(WorkerOptions {
            lease,
            heartbeat: lease / 5,
            shutdown_grace: Duration::from_millis(args.grace_ms),
            stop_grace: Duration::from_millis(500),
            maintenance: args.maintenance,
            ..WorkerOptions::default()
        });
    let builder = if args.newer {
        builder.register::<NewerAct>().register::<UnknownAct>()
    } else {
        builder.register::<Act>()
    };
    let stop = CancellationToken::new();
    let mut term =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
    let stopping = stop.clone();
    tokio::spawn(async move {
        term.recv().await;
        stopping.cancel();
    });
    if args.schedules {
        let scheduler = Scheduler::new(opened.broker.clone(), opened.schedules());
        tokio::spawn(scheduler.run(stop.clone()));
    }
    log.ready();
    let report = builder.build().unwrap().run(stop).await.unwrap();
    opened.close().await;
    log.ended(&report);
}

/// The harness holds the other end of standard input: when that closes, nobody is left to stop this process.
fn die_with_the_harness() {
    std::thread::spawn(|| {
        let mut nothing = [0];
        drop(std::io::stdin().read(&mut nothing));
        std::process::abort();
    });
}

fn limit_memory(bytes: u64) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    setrlimit(Resource::As, limit).unwrap();
}
