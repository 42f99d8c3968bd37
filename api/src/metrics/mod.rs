//! What Prometheus sees of the API and the queues.
//!
//! Requests are counted as they end. Everything about queues is computed from the broker when it is scraped, so every
//! replica gives the same value and an autoscaler never reads a stale one; a broker that does not answer leaves the
//! queue gauges out and the rest in. Names are those of [`descriptors`]; `docs/metrics.md` has a row for each.

pub mod descriptors;
mod process;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use descriptors as d;
use graphmill_queue::{Broker, JobState, broker::QueueStats};
use prometheus::{
    Gauge, GaugeVec, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};
use tokio::sync::Mutex;

/// How old the sums of jobs may be: they cost a scan.
const AUDIT_EVERY: Duration = Duration::from_secs(30);

/// The API's metrics, registered in a registry that the worker's share.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    active_connections: IntGauge,
    memory: IntGaugeVec,
    cpu: Gauge,
    queues: QueueGauges,
    unaccounted: IntGauge,
    /// One scrape at a time: gauges are cleared and set again.
    scrape: Mutex<Scrape>,
}

/// What one scrape leaves for the next.
struct Scrape {
    audited_at: Option<Instant>,
    cpu: process::CpuMeter,
}

struct QueueGauges {
    jobs: IntGaugeVec,
    size: IntGaugeVec,
    celery_length: IntGaugeVec,
    oldest_ready: GaugeVec,
    backlog: GaugeVec,
}

impl Metrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// When the registry has one of the names already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            requests: d::REQUESTS.counters(registry)?,
            request_seconds: d::REQUEST_SECONDS.histograms(registry)?,
            active_connections: d::ACTIVE_CONNECTIONS.int_gauge(registry)?,
            memory: d::MEMORY.int_gauges(registry)?,
            cpu: d::CPU.gauge(registry)?,
            queues: QueueGauges {
                jobs: d::JOBS.int_gauges(registry)?,
                size: d::QUEUE_SIZE.int_gauges(registry)?,
                celery_length: d::CELERY_LENGTH.int_gauges(registry)?,
                oldest_ready: d::OLDEST_READY.gauges(registry)?,
                backlog: d::BACKLOG.gauges(registry)?,
            },
            unaccounted: d::UNACCOUNTED.int_gauge(registry)?,
            scrape: Mutex::new(Scrape {
                audited_at: None,
                cpu: process::CpuMeter::start(),
            }),
            registry: registry.clone(),
        })
    }

    /// Returns the gauge of open connections.
    pub(crate) fn active_connections(&self) -> IntGauge {
        self.active_connections.clone()
    }

    /// Counts an answered request; `endpoint` is the route's pattern.
    pub(crate) fn observe_request(
        &self,
        method: &str,
        endpoint: &str,
        status: StatusCode,
        took: Duration,
    ) {
        self.requests
            .with_label_values(&[method, endpoint, status.as_str()])
            .inc();
        self.request_seconds
            .with_label_values(&[method, endpoint])
            .observe(took.as_secs_f64());
    }

    /// Brings the gauges up to date and writes the whole registry as text. `served` are queues to show even before
    /// their first job.
    pub(crate) async fn scrape(
        &self,
        broker: &dyn Broker,
        served: impl Iterator<Item = &str> + Send,
    ) -> prometheus::Result<String> {
        let mut scrape = self.scrape.lock().await;
        self.set_process(&mut scrape.cpu);
        self.queues.reset();
        match broker.queues().await {
            Ok(stats) => self.queues.set(&stats, &served.collect()),
            Err(error) => tracing::warn!(%error, "the queues cannot be measured"),
        }
        self.set_unaccounted(broker, &mut scrape.audited_at).await;
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    fn set_process(&self, cpu: &mut process::CpuMeter) {
        for (kind, bytes) in process::memory() {
            self.memory.with_label_values(&[kind]).set(bytes as i64);
        }
        self.cpu.set(cpu.percent());
    }

    async fn set_unaccounted(&self, broker: &dyn Broker, audited_at: &mut Option<Instant>) {
        if audited_at.is_some_and(|at| at.elapsed() < AUDIT_EVERY) {
            return;
        }
        match broker.audit().await {
            Ok(audit) => {
                self.unaccounted.set(audit.unaccounted);
                *audited_at = Some(Instant::now());
            }
            Err(error) => tracing::warn!(%error, "the jobs cannot be audited"),
        }
    }
}

impl QueueGauges {
    fn reset(&self) {
        self.jobs.reset();
        self.size.reset();
        self.celery_length.reset();
        self.oldest_ready.reset();
        self.backlog.reset();
    }

    fn set(&self, stats: &[QueueStats], served: &BTreeSet<&str>) {
        for queue in stats {
            let name = queue.queue.as_str();
            let counts: BTreeMap<JobState, u64> = queue.counts.iter().copied().collect();
            self.set_counts(name, &counts);
            self.oldest_ready
                .with_label_values(&[name])
                .set(queue.oldest_ready_s.unwrap_or(0.0));
            self.backlog.with_label_values(&[name]).set(queue.backlog_s);
        }
        let known: BTreeSet<&str> = stats.iter().map(|queue| queue.queue.as_str()).collect();
        for name in served.difference(&known) {
            self.set_counts(name, &BTreeMap::new());
            self.oldest_ready.with_label_values(&[name]).set(0.0);
            self.backlog.with_label_values(&[name]).set(0.0);
        }
    }

    /// Sets every state, zeros included: a series that vanishes looks like a scrape that failed.
    fn set_counts(&self, queue: &str, counts: &BTreeMap<JobState, u64>) {
        let count = |state| counts.get(&state).copied().unwrap_or(0) as i64;
        for state in JobState::ALL {
            self.jobs
                .with_label_values(&[queue, state.as_str()])
                .set(count(state));
        }
        let ready = count(JobState::Ready);
        self.size.with_label_values(&[queue]).set(ready);
        self.celery_length.with_label_values(&[queue]).set(ready);
    }
}
