//! Measures the SQLite broker with jobs that do nothing: `cargo run --release -p graphmill-queue --example bench_sqlite
//! [jobs]`. Prints one JSON object a run.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use graphmill_queue::{
    Broker, BrokerOptions, Client, Job, JobContext, JobState, Outcome, Worker,
    broker::{JobFilter, MAX_SUBMIT},
    clock::SystemClock,
    sqlite::{Database, OpenOptions, SqliteBroker},
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

#[derive(Serialize, Deserialize)]
struct Noop {
    n: usize,
}

impl Job for Noop {
    const KIND: &'static str = "bench.noop";
    type Context = ();

    async fn run(self, (): (), _: JobContext) -> Outcome {
        Outcome::done()
    }
}

/// Submits `jobs` in bulk, drains them with `concurrency` slots; returns both times.
async fn bench_noop(
    broker: Arc<dyn Broker>,
    jobs: usize,
    concurrency: usize,
) -> anyhow::Result<(Duration, Duration)> {
    let begun = Instant::now();
    let client = Client::new(Arc::clone(&broker));
    for first in (0..jobs).step_by(MAX_SUBMIT) {
        let part = (first..jobs.min(first + MAX_SUBMIT)).map(|n| Noop { n });
        client.submit_many(part).await?;
    }
    let submitted = begun.elapsed();

    let begun = Instant::now();
    let stop = CancellationToken::new();
    let worker = Worker::builder(Arc::clone(&broker))
        .register::<Noop>()
        .queue(Noop::QUEUE, concurrency)
        .build()?;
    let running = tokio::spawn(worker.run(stop.clone()));
    let open = JobFilter {
        states: vec![JobState::Ready, JobState::Running],
        ..JobFilter::default()
    };
    while broker
        .counts(&open)
        .await?
        .iter()
        .any(|(_, count)| *count > 0)
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let drained = begun.elapsed();
    stop.cancel();
    running.await??;
    Ok((submitted, drained))
}

/// Submits one job a call, `callers` at a time; returns the time.
async fn bench_submit(
    broker: Arc<dyn Broker>,
    jobs: usize,
    callers: usize,
) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let callers = (0..callers).map(|_| {
        let client = Client::new(Arc::clone(&broker));
        async move {
            for n in 0..jobs / callers {
                client.submit(Noop { n }).await?;
            }
            anyhow::Ok(())
        }
    });
    futures::future::try_join_all(callers).await?;
    Ok(begun.elapsed())
}

async fn open(folder: &std::path::Path) -> anyhow::Result<Arc<SqliteBroker>> {
    let database = Database::open(folder.join("jobs.db"), OpenOptions::default()).await?;
    let options = BrokerOptions::default();
    Ok(Arc::new(SqliteBroker::new(
        database,
        Arc::new(SystemClock),
        options,
    )?))
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
async fn main() -> anyhow::Result<()> {
    let jobs = std::env::args()
        .nth(1)
        .map_or(Ok(20_000), |jobs| jobs.parse())?;
    for concurrency in [1, 16, 100] {
        let folder = tempfile::tempdir()?;
        let broker = open(folder.path()).await?;
        let (submitted, drained) = bench_noop(broker, jobs, concurrency).await?;
        let report = serde_json::json!({
            "jobs": jobs,
            "concurrency": concurrency,
            "submitted_per_s": (jobs as f64 / submitted.as_secs_f64()).round(),
            "drained_per_s": (jobs as f64 / drained.as_secs_f64()).round(),
        });
        println!("{report}");
    }
    for callers in [1, 16, 64] {
        let folder = tempfile::tempdir()?;
        let broker = open(folder.path()).await?;
        let jobs = (jobs / 10).max(callers);
        let took = bench_submit(broker, jobs, callers).await?;
        let report = serde_json::json!({
            "single_submits": jobs,
            "callers": callers,
            "submitted_per_s": (jobs as f64 / took.as_secs_f64()).round(),
        });
        println!("{report}");
    }
    Ok(())
}
