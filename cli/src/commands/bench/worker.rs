//! The worker process of the benchmark: hidden, started by `graphmill bench queue`.

use std::{
    io::{BufRead, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use graphmill_queue::{Worker, runtime::WorkerOptions};
use tokio_util::sync::CancellationToken;

use super::{Nothing, QUEUE, Seen, engine::Engine, process};
use crate::{args::BenchWorkerArguments, failure::Exit};

/// Sees jobs start.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    expected: u64,
    jobs: AtomicU64,
    /// When the tenth and the ninety-fifth of a hundred jobs began.
    marks: Mutex<[Option<Instant>; 2]>,
    /// Submit to start, ns; only where few jobs are expected, as it costs a lock a job.
    waits: Option<Mutex<Vec<u64>>>,
}

impl Watch {
    fn new(expected: u64, latency: bool) -> Self {
        Self {
            shared: Arc::new(Shared {
                expected,
                jobs: AtomicU64::new(0),
                marks: Mutex::default(),
                waits: latency.then(Mutex::default),
            }),
        }
    }

    pub(super) fn started(&self, sent_ns: u64) {
        let shared = &self.shared;
        let n = shared.jobs.fetch_add(1, Ordering::Relaxed) + 1;
        for (mark, percent) in [(0, 10), (1, 95)] {
            if n == shared.expected * percent / 100 {
                let mut marks = shared.marks.lock().unwrap_or_else(PoisonError::into_inner);
                marks[mark] = Some(Instant::now());
            }
        }
        if let Some(waits) = &shared.waits {
            let wait = process::now_ns().saturating_sub(sent_ns);
            let mut waits = waits.lock().unwrap_or_else(PoisonError::into_inner);
            waits.push(wait);
        }
    }

    fn seen(&self) -> Seen {
        let shared = &self.shared;
        let marks = *shared.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waits = match &shared.waits {
            Some(waits) => waits.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            None => Vec::new(),
        };
        waits.sort_unstable();
        let percentile = |of_100: usize| {
            let at = (waits.len() * of_100 / 100).min(waits.len().saturating_sub(1));
            waits.get(at).map_or(0.0, |ns| *ns as f64 / 1e6)
        };
        let between = shared.expected * 95 / 100 - shared.expected * 10 / 100;
        let pid = std::process::id();
        Seen {
            jobs: shared.jobs.load(Ordering::Relaxed),
            rate_per_s: match marks {
                [Some(first), Some(last)] => {
                    between as f64 / last.duration_since(first).as_secs_f64().max(1e-9)
                }
                _ => 0.0,
            },
            cpu_s: process::cpu_s(pid),
            rss_mb: process::rss_mb(pid),
            p50_ms: percentile(50),
            p99_ms: percentile(99),
        }
    }
}

/// Runs until standard input is closed; writes one line when it is ready and one with what it saw.
#[expect(
    clippy::print_stdout,
    reason = "its output is a protocol with the process that started it"
)]
pub(crate) async fn run(arguments: BenchWorkerArguments) -> anyhow::Result<Exit> {
    let engine = Engine::open(&arguments.engine, &arguments.prefix).await?;
    let watch = Watch::new(arguments.expect, arguments.latency);
    let stop = CancellationToken::new();
    let worker = Worker::builder(engine.broker.clone())
        .context(watch.clone())
        .register::<Nothing>()
        .queue(QUEUE, arguments.engine.concurrency)
        .options(WorkerOptions::default())
        .build()?;
    let running = tokio::spawn(worker.run(stop.clone()));
    println!("ready");
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)
    })
    .await??;
    let seen = watch.seen();
    stop.cancel();
    running.await??;
    engine.close().await;
    println!("{}", serde_json::to_string(&seen)?);
    Ok(Exit::Success)
}
