//! Measures what a ledger costs: `cargo run --release -p graphmill-queue --example bench_ledger [jobs] [postgres URL]`.
//! Without a URL the ledger is a SQLite file. Prints one JSON object a figure.
//!
//! `insert` and `settle` are the ledger alone; `submit` and `drain` go through a SQLite broker, first without and then with
//! the ledger. Payloads have 200 bytes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use graphmill_queue::{
    Broker, BrokerOptions, Client, Job, JobContext, JobState, NewJob, Outcome, Worker,
    broker::{JobFilter, MAX_SUBMIT},
    clock::{Clock, SystemClock},
    ledger::{
        Entry, Keep, Ledger, LedgerBroker, LedgerOptions, MAX_SETTLE, PostgresDatabase,
        PostgresLedger, PostgresOptions, Settlement, SqliteLedger, postgres::migrate,
    },
    sqlite::{Database, OpenOptions, SqliteBroker},
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

#[derive(Clone, Serialize, Deserialize)]
struct Noop {
    n: usize,
    filler: String,
}

impl Noop {
    fn new(n: usize) -> Self {
        Self {
            n,
            filler: "x".repeat(170),
        }
    }
}

impl Job for Noop {
    const KIND: &'static str = "bench.noop";
    type Context = ();

    async fn run(self, (): (), _: JobContext) -> Outcome {
        Outcome::done()
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn report(what: &str, jobs: usize, took: Duration) {
    let report = serde_json::json!({
        "what": what,
        "jobs": jobs,
        "per_s": (jobs as f64 / took.as_secs_f64()).round(),
    });
    println!("{report}");
}

/// The ledger alone, in the batches it gets from a busy broker.
async fn bench_ledger(ledger: &dyn Ledger, jobs: usize) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let mut ids = Vec::with_capacity(jobs);
    let mut took = Duration::ZERO;
    for first in (0..jobs).step_by(MAX_SUBMIT) {
        let entries: Vec<Entry> = (first..jobs.min(first + MAX_SUBMIT))
            .map(|n| {
                let payload = serde_json::to_value(Noop::new(n))?;
                Ok(Entry::new(&NewJob::new(Noop::KIND, Noop::QUEUE, payload))?)
            })
            .collect::<anyhow::Result<_>>()?;
        ids.extend(entries.iter().map(|entry| entry.id));
        let entries: Vec<_> = entries.iter().collect();
        let begun = Instant::now();
        ledger.insert(&entries, Keep::Each, now).await?;
        took += begun.elapsed();
    }
    report("ledger insert, 10,000 a statement", jobs, took);
    for (what, batch) in [
        ("ledger settle, 5,000 a statement", MAX_SETTLE),
        (
            "ledger settle again (late reports), 1,000 a statement",
            1_000,
        ),
    ] {
        let mut took = Duration::ZERO;
        for ids in ids.chunks(batch) {
            let ends: Vec<_> = ids
                .iter()
                .map(|id| Settlement {
                    id: *id,
                    state: JobState::Completed,
                    dead_reason: None,
                    started_at: Some(now),
                    finished_at: now,
                    epoch: 1,
                    attempt: 1,
                    crashes: 0,
                    max_attempts: 20,
                    errors: Vec::new(),
                    result: None,
                })
                .collect();
            let begun = Instant::now();
            ledger.settle(&ends, false).await?;
            took += begun.elapsed();
        }
        report(what, jobs, took);
    }
    let begun = Instant::now();
    ledger.counts(&JobFilter::default()).await?;
    report("ledger counts of all states", jobs, begun.elapsed());
    Ok(())
}

async fn bench_broker(name: &str, broker: Arc<dyn Broker>, jobs: usize) -> anyhow::Result<()> {
    let client = Client::new(Arc::clone(&broker));
    let begun = Instant::now();
    for first in (0..jobs).step_by(MAX_SUBMIT) {
        let part = (first..jobs.min(first + MAX_SUBMIT)).map(Noop::new);
        client.submit_many(part).await?;
    }
    report(&format!("{name}: submit in bulk"), jobs, begun.elapsed());
    let begun = Instant::now();
    let stop = CancellationToken::new();
    let worker = Worker::builder(Arc::clone(&broker))
        .register::<Noop>()
        .queue(Noop::QUEUE, 100)
        .build()?;
    let running = tokio::spawn(worker.run(stop.clone()));
    let open = JobFilter {
        states: vec![JobState::Ready, JobState::Running],
        ..JobFilter::default()
    };
    let live = async || -> anyhow::Result<bool> {
        let counts = broker.counts(&open).await?;
        Ok(counts.iter().any(|(_, count)| *count > 0))
    };
    while live().await? {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // With a ledger, all that has ended must be written: counting ended jobs waits for it.
    broker.counts(&JobFilter::default()).await?;
    report(&format!("{name}: drain"), jobs, begun.elapsed());
    stop.cancel();
    running.await??;
    for callers in [1, 64] {
        let singles = jobs.min(5_000);
        let begun = Instant::now();
        let submits = (0..callers).map(|_| {
            let client = client.clone();
            async move {
                for n in 0..singles / callers {
                    client.submit(Noop::new(n)).await?;
                }
                anyhow::Ok(())
            }
        });
        futures::future::try_join_all(submits).await?;
        let what = format!("{name}: submit one by one, {callers} callers");
        report(&what, singles, begun.elapsed());
    }
    Ok(())
}

async fn broker(folder: &std::path::Path, name: &str) -> anyhow::Result<Arc<dyn Broker>> {
    let database = Database::open(folder.join(name), OpenOptions::default()).await?;
    let options = BrokerOptions::default();
    Ok(Arc::new(SqliteBroker::new(
        database,
        Arc::new(SystemClock),
        options,
    )?))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let jobs = args.next().map_or(Ok(50_000), |jobs| jobs.parse())?;
    let folder = tempfile::tempdir()?;
    let ledger: Arc<dyn Ledger> = if let Some(url) = args.next() {
        migrate(&url, Duration::from_secs(5)).await?;
        let database = PostgresDatabase::connect(&url, &PostgresOptions::default()).await?;
        Arc::new(PostgresLedger::new(database))
    } else {
        let path = folder.path().join("ledger.db");
        Arc::new(SqliteLedger::new(
            Database::open(path, OpenOptions::default()).await?,
        ))
    };
    bench_ledger(&*ledger, jobs).await?;
    bench_broker("sqlite", broker(folder.path(), "alone.db").await?, jobs).await?;
    let inner = broker(folder.path(), "inner.db").await?;
    let options = LedgerOptions::default();
    let remembered = LedgerBroker::new(inner, ledger, Arc::new(SystemClock), options);
    bench_broker("sqlite + ledger", Arc::new(remembered), jobs).await
}
