use graphmill_queue::{
    Broker, Client, Job, JobContext, JobState, Outcome, Worker,
    broker::{JobFilter, MAX_SUBMIT},
    options::BrokerOptions,
    redis::{RedisBroker, RedisOptions},
};
use serde::{Deserialize, Serialize};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
#[derive(Serialize, Deserialize)]
struct Noop {
    n: usize,
    pad: String,
}
impl Job for Noop {
    const KIND: &'static str = "bench.noop";
    type Context = ();
    async fn run(self, (): (), _: JobContext) -> Outcome {
        Outcome::done()
    }
}
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<_> = s.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
fn redis_cpu(pid: &str) -> f64 {
    let s = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let f: Vec<_> = s.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let a: Vec<String> = std::env::args().collect();
    let (url, jobs, conc, pid) = (&a[1], a[2].parse::<usize>()?, a[3].parse::<usize>()?, &a[4]);
    let broker: Arc<dyn Broker> = Arc::new(RedisBroker::new(
        RedisOptions::new(url),
        BrokerOptions::default(),
    )?);
    let client = Client::new(broker.clone());
    let t = Instant::now();
    let (c0, r0) = (cpu(), redis_cpu(pid));
    for first in (0..jobs).step_by(MAX_SUBMIT) {
        client
            .submit_many((first..jobs.min(first + MAX_SUBMIT)).map(|n| Noop {
                n,
                pad: "x".repeat(180),
            }))
            .await?;
    }
    let el = t.elapsed().as_secs_f64();
    println!(
        "bulk {:.0}/s  client {:.1}us redis {:.1}us",
        jobs as f64 / el,
        (cpu() - c0) / jobs as f64 * 1e6,
        (redis_cpu(pid) - r0) / jobs as f64 * 1e6
    );
    let stop = CancellationToken::new();
    let t = Instant::now();
    let (c0, r0) = (cpu(), redis_cpu(pid));
    let worker = Worker::builder(broker.clone())
        .register::<Noop>()
        .queue("default", conc)
        .build()?;
    let running = tokio::spawn(worker.run(stop.clone()));
    let open = JobFilter {
        states: vec![JobState::Ready, JobState::Running],
        ..JobFilter::default()
    };
    while broker.counts(&open).await?.iter().any(|(_, c)| *c > 0) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let el = t.elapsed().as_secs_f64();
    println!(
        "drain {:.0}/s  worker {:.1}us redis {:.1}us",
        jobs as f64 / el,
        (cpu() - c0) / jobs as f64 * 1e6,
        (redis_cpu(pid) - r0) / jobs as f64 * 1e6
    );
    let t = Instant::now();
    let (c0, r0) = (cpu(), redis_cpu(pid));
    stop.cancel();
    running.await??;
    let n = jobs / 4;
    let callers = (0..64).map(|_| {
        let client = client.clone();
        async move {
            for n in 0..n / 64 {
                client
                    .submit(Noop {
                        n,
                        pad: "x".repeat(180),
                    })
                    .await?;
            }
            anyhow::Ok(())
        }
    });
    futures::future::try_join_all(callers).await?;
    let el = t.elapsed().as_secs_f64();
    println!(
        "single x64 {:.0}/s client {:.1}us redis {:.1}us",
        n as f64 / el,
        (cpu() - c0) / n as f64 * 1e6,
        (redis_cpu(pid) - r0) / n as f64 * 1e6
    );
    Ok(())
}
