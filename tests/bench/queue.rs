//! No-op jobs through the SQLite broker and the apalis runtime.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use graphmill_queue::{
    Broker, BrokerOptions, Job, JobContext, NewJob, Outcome,
    clock::SystemClock,
    runtime::{Worker, WorkerOptions},
    sqlite::{Database, OpenOptions, SqliteBroker},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::percentile;

const JOBS: usize = 20_000;
const CONCURRENCY: usize = 100;

/// Does nothing, with about 200 bytes of payload.
#[derive(Serialize, Deserialize)]
struct Nothing {
    filler: String,
}

impl Job for Nothing {
    const KIND: &'static str = "bench.nothing";
    type Context = Arc<AtomicUsize>;

    async fn run(self, done: Self::Context, _job: JobContext) -> Outcome {
        done.fetch_add(1, Ordering::Relaxed);
        Outcome::done()
    }
}

/// Submits and drains three times; the medians.
pub(crate) async fn run() -> Result<Value> {
    let mut submit_per_s = Vec::new();
    let mut drain_per_s = Vec::new();
    for _ in 0..3 {
        let (submit, drain) = round().await?;
        submit_per_s.push(submit);
        drain_per_s.push(drain);
    }
    submit_per_s.sort_by(f64::total_cmp);
    drain_per_s.sort_by(f64::total_cmp);
    Ok(json!({
        "jobs": JOBS,
        "concurrency": CONCURRENCY,
        "submit_bulk_per_s": percentile(&submit_per_s, 0.5),
        "drain_per_s": percentile(&drain_per_s, 0.5),
    }))
}

async fn round() -> Result<(f64, f64)> {
    let temp = tempfile::tempdir()?;
    let database = Database::open(temp.path().join("bench.db"), OpenOptions::default()).await?;
    let broker = Arc::new(SqliteBroker::new(
        database,
        Arc::new(SystemClock),
        BrokerOptions::default(),
    )?);
    let begun = Instant::now();
    for _ in 0..JOBS / 1_000 {
        let jobs: Vec<NewJob> = (0..1_000)
            .map(|_| {
                Nothing {
                    filler: "x".repeat(180),
                }
                .into_new_job()
            })
            .collect::<Result<_, _>>()?;
        broker.submit(jobs, true).await?;
    }
    let submit_per_s = JOBS as f64 / begun.elapsed().as_secs_f64();

    let done = Arc::new(AtomicUsize::new(0));
    let worker = Worker::builder(broker.clone())
        .context(done.clone())
        .register::<Nothing>()
        .queue("default", CONCURRENCY)
        .options(WorkerOptions::default())
        .build()?;
    let shutdown = CancellationToken::new();
    let begun = Instant::now();
    let running = tokio::spawn(worker.run(shutdown.clone()));
    while done.load(Ordering::Relaxed) < JOBS {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Until every end is stored: a job that ran but is not acknowledged would run again.
    shutdown.cancel();
    running.await??;
    let drain_per_s = JOBS as f64 / begun.elapsed().as_secs_f64();
    broker.close().await;
    Ok((submit_per_s, drain_per_s))
}
