//! Submits, starts workers, reads clocks.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use graphmill_queue::{
    Client, Job, JobState,
    broker::{JobFilter, Limits, MAX_SUBMIT, Scope},
    job::DEFAULT_TENANT,
};
use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::{IDLE_FOR, LATENCY_FOR, LATENCY_RATE, Nothing, QUEUE, Seen, engine::Engine, process};
use crate::{
    args::{BenchQueueArguments, Durability},
    commands::Context,
    failure::Exit,
};

/// Callers that submit single jobs at once, over one connection.
const CALLERS: usize = 64;
/// How long a worker may take to be ready or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// The figures. Those that need the server's own numbers are null where it does not give them.
#[derive(Debug, Serialize)]
struct Figures {
    jobs: usize,
    concurrency: usize,
    durability: Durability,
    submit_one_per_s: f64,
    submit_bulk_per_s: f64,
    drain_per_s: f64,
    drain_2_workers_per_s: f64,
    drain_4_workers_per_s: f64,
    cpu_us_per_job: Cpu,
    latency_ms: Latency,
    idle_commands_per_s: f64,
    rss_mb: f64,
    redis_bytes_per_job: f64,
}

#[derive(Debug, Default, Serialize)]
struct Cpu {
    worker: f64,
    redis: f64,
}

#[derive(Debug, Default, Serialize)]
struct Latency {
    p50: f64,
    p99: f64,
}

/// Measures one figure after the other, each on empty keys of its own.
pub(crate) async fn run(context: &Context, arguments: BenchQueueArguments) -> anyhow::Result<Exit> {
    let bench = Bench {
        prefix: format!("gm-bench-{}", std::process::id()),
        arguments,
    };
    let engine = Engine::open(&bench.arguments.engine, &bench.prefix).await?;
    let result = bench.measure(context, &engine).await;
    // Whatever happened, nothing of it stays.
    let erased = engine.redis.erase().await;
    engine.close().await;
    let figures = result?;
    erased?;
    context.output.data(&figures, || render(&figures))?;
    Ok(Exit::Success)
}

struct Bench {
    arguments: BenchQueueArguments,
    prefix: String,
}

impl Bench {
    async fn measure(&self, context: &Context, engine: &Engine) -> anyhow::Result<Figures> {
        let jobs = self.arguments.jobs;
        let note = |text: &str| context.output.note(text);
        note("submitting in bulk");
        let before = info_number(engine, "memory", "used_memory").await?;
        let submit_bulk_per_s = self.submit_bulk(engine).await?;
        let after = info_number(engine, "memory", "used_memory").await?;
        note("draining with one worker process");
        let (drain_per_s, cpu_us_per_job) = self.drain(engine, 1).await?;
        let mut more = Vec::new();
        for workers in [2, 4] {
            note(&format!("draining with {workers} worker processes"));
            engine.redis.erase().await?;
            self.submit_bulk(engine).await?;
            more.push(self.drain(engine, workers).await?.0);
        }
        engine.redis.erase().await?;
        note("submitting one by one");
        let submit_one_per_s = self.submit_one(engine).await?;
        engine.redis.erase().await?;
        note("measuring the latency");
        let (latency_ms, idle_commands_per_s, rss_mb) = self.latency_and_idle(engine, note).await?;
        Ok(Figures {
            jobs,
            concurrency: self.arguments.engine.concurrency,
            durability: self.arguments.engine.durability,
            submit_one_per_s,
            submit_bulk_per_s,
            drain_per_s,
            drain_2_workers_per_s: more[0],
            drain_4_workers_per_s: more[1],
            cpu_us_per_job,
            latency_ms,
            idle_commands_per_s,
            rss_mb,
            redis_bytes_per_job: (after - before) / jobs as f64,
        })
    }

    /// Returns jobs a second.
    async fn submit_bulk(&self, engine: &Engine) -> anyhow::Result<f64> {
        let client = Client::new(engine.broker.clone());
        let jobs = self.arguments.jobs;
        if self.arguments.limits {
            set_limits(engine).await?;
        }
        let begun = Instant::now();
        for first in (0..jobs).step_by(MAX_SUBMIT) {
            let part = (first..jobs.min(first + MAX_SUBMIT)).map(|_| Nothing::now());
            client.submit_many(part).await?;
        }
        Ok(jobs as f64 / begun.elapsed().as_secs_f64())
    }

    async fn submit_one(&self, engine: &Engine) -> anyhow::Result<f64> {
        let each = (self.arguments.jobs / CALLERS / 2).max(1);
        let begun = Instant::now();
        let callers = (0..CALLERS).map(|_| {
            let client = Client::new(engine.broker.clone());
            async move {
                for _ in 0..each {
                    client.submit(Nothing::now()).await?;
                }
                anyhow::Ok(())
            }
        });
        futures::future::try_join_all(callers).await?;
        Ok((each * CALLERS) as f64 / begun.elapsed().as_secs_f64())
    }

    /// Runs what was submitted with so many worker processes; returns jobs a second and CPU a job.
    async fn drain(&self, engine: &Engine, workers: usize) -> anyhow::Result<(f64, Cpu)> {
        let jobs = self.arguments.jobs as f64;
        let redis_before = redis_cpu_s(engine).await?;
        let begun = Instant::now();
        let mut processes = Vec::new();
        for _ in 0..workers {
            processes.push(WorkerProcess::start(self, self.arguments.jobs as u64, false).await?);
        }
        self.wait_until_drained(engine).await?;
        let took = begun.elapsed().as_secs_f64();
        let redis = redis_cpu_s(engine).await? - redis_before;
        let mut seen = Vec::new();
        for process in processes {
            seen.push(process.end().await?);
        }
        let worker: f64 = seen.iter().map(|seen| seen.cpu_s).sum();
        // One worker sees its own marks; of several only the whole is known.
        let rate = match &seen[..] {
            [one] if one.rate_per_s > 0.0 => one.rate_per_s,
            _ => jobs / took,
        };
        let cpu = Cpu {
            worker: worker / jobs * 1e6,
            redis: redis / jobs * 1e6,
        };
        Ok((rate, cpu))
    }

    async fn wait_until_drained(&self, engine: &Engine) -> anyhow::Result<()> {
        let open = JobFilter {
            states: vec![JobState::Ready, JobState::Running],
            queue: Some(QUEUE.to_owned()),
            ..JobFilter::default()
        };
        loop {
            // Redis's own count: the ledger would count history too.
            let counts = graphmill_queue::Broker::counts(&engine.redis, &open).await?;
            if counts.iter().all(|(_, count)| *count == 0) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn latency_and_idle(
        &self,
        engine: &Engine,
        note: impl Fn(&str),
    ) -> anyhow::Result<(Latency, f64, f64)> {
        let process = WorkerProcess::start(self, 0, true).await?;
        let client = Client::new(engine.broker.clone());
        let mut tick = tokio::time::interval(Duration::from_secs(1) / LATENCY_RATE);
        let jobs = LATENCY_FOR.as_secs() * u64::from(LATENCY_RATE);
        for _ in 0..jobs {
            tick.tick().await;
            client.submit(Nothing::now()).await?;
        }
        self.wait_until_drained(engine).await?;
        note("watching an idle worker");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = info_number(engine, "stats", "total_commands_processed").await?;
        tokio::time::sleep(IDLE_FOR).await;
        let after = info_number(engine, "stats", "total_commands_processed").await?;
        let rss_mb = process::rss_mb(process.pid());
        let seen = process.end().await?;
        let latency = Latency {
            p50: seen.p50_ms,
            p99: seen.p99_ms,
        };
        // The second question counts itself.
        let commands = (after - before - 1.0).max(0.0);
        Ok((latency, commands / IDLE_FOR.as_secs_f64(), rss_mb))
    }
}

/// Sets limits that every fetch has to ask about and that never bind.
async fn set_limits(engine: &Engine) -> anyhow::Result<()> {
    let limits = Limits {
        concurrency: Some(1_000_000),
        rate_per_s: Some(1e9),
        weight: Some(2),
        ..Limits::default()
    };
    for scope in [
        Scope::Queue(QUEUE.to_owned()),
        Scope::Kind(Nothing::KIND.to_owned()),
        Scope::Tenant(DEFAULT_TENANT.to_owned()),
    ] {
        engine.broker.set_limits(scope, limits).await?;
    }
    Ok(())
}

async fn info_number(engine: &Engine, section: &str, field: &str) -> anyhow::Result<f64> {
    let info = engine.redis.info(section).await?;
    let value = info
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value
        .and_then(|value| value.trim().parse().ok())
        .with_context(|| format!("the server's INFO {section} has no {field}"))
}

async fn redis_cpu_s(engine: &Engine) -> anyhow::Result<f64> {
    let user = info_number(engine, "cpu", "used_cpu_user").await?;
    Ok(user + info_number(engine, "cpu", "used_cpu_sys").await?)
}

/// A worker in a process of its own.
struct WorkerProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl WorkerProcess {
    async fn start(bench: &Bench, expect: u64, latency: bool) -> anyhow::Result<Self> {
        let engine = &bench.arguments.engine;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        command
            .args(["bench", "worker", "--prefix", &bench.prefix])
            .args(["--redis", &engine.redis])
            .args(["--concurrency", &engine.concurrency.to_string()])
            .args(["--durability", engine.durability.as_str()])
            .args(["--expect", &expect.to_string()])
            .args(engine.sql.iter().flat_map(|sql| ["--sql", sql]))
            .args(latency.then_some("--latency"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().context("a worker process cannot start")?;
        let stdout = child.stdout.take().context("a worker has an output")?;
        let mut process = Self {
            stdin: child.stdin.take(),
            child,
            lines: BufReader::new(stdout).lines(),
        };
        let line = process.line().await?;
        anyhow::ensure!(line == "ready", "a worker said {line:?} instead of ready");
        Ok(process)
    }

    fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line())
            .await
            .context("a worker process says nothing")??;
        line.context("a worker process ended by itself")
    }

    async fn end(mut self) -> anyhow::Result<Seen> {
        drop(self.stdin.take());
        let seen = serde_json::from_str(&self.line().await?)?;
        self.child.wait().await?;
        Ok(seen)
    }
}

fn render(figures: &Figures) -> String {
    format!(
        "{} jobs, {} at once, durability {}\n\n\
         submit, one by one    {:>12.0} /s\n\
         submit, in bulk       {:>12.0} /s\n\
         drain, one worker     {:>12.0} /s   {:.1} µs of CPU a job ({:.1} worker, {:.1} Redis)\n\
         drain, two workers    {:>12.0} /s\n\
         drain, four workers   {:>12.0} /s\n\
         submit to start       {:>12.2} ms  at the median, {:.2} ms for 99 of 100, at {LATENCY_RATE} jobs/s\n\
         idle worker           {:>12.1} Redis commands/s, {:.1} MB resident\n\
         a waiting job         {:>12.0} bytes in Redis\n",
        figures.jobs,
        figures.concurrency,
        figures.durability.as_str(),
        figures.submit_one_per_s,
        figures.submit_bulk_per_s,
        figures.drain_per_s,
        figures.cpu_us_per_job.worker + figures.cpu_us_per_job.redis,
        figures.cpu_us_per_job.worker,
        figures.cpu_us_per_job.redis,
        figures.drain_2_workers_per_s,
        figures.drain_4_workers_per_s,
        figures.latency_ms.p50,
        figures.latency_ms.p99,
        figures.idle_commands_per_s,
        figures.rss_mb,
        figures.redis_bytes_per_job,
    )
}
