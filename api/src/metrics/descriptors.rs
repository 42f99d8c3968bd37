//! The metrics by name: what Prometheus and `docs/metrics.md` call them.

use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

/// A metric's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
}

impl Kind {
    /// Returns Prometheus's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric: everything but its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its labels, in order.
    pub labels: &'static [&'static str],
    /// What its value counts.
    pub unit: &'static str,
    /// What it says.
    pub help: &'static str,
}

macro_rules! descriptors {
    ($($id:ident: $kind:ident $name:literal {$($label:literal),*} $unit:literal, $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $id: Descriptor = Descriptor {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                unit: $unit,
                help: $help,
            };
        )+

        /// Every metric of the API.
        pub const ALL: &[Descriptor] = &[$($id,)+];
    };
}

descriptors! {
    REQUESTS: Counter "http_requests_total" {"method", "endpoint", "status"} "requests", "Requests answered, by route pattern.";
    REQUEST_SECONDS: Histogram "http_request_duration_seconds" {"method", "endpoint"} "seconds", "Time from a request's head to its answer's head.";
    ACTIVE_CONNECTIONS: Gauge "active_connections" {} "connections", "Open connections to the API.";
    MEMORY: Gauge "memory_usage_bytes" {"type"} "bytes", "Memory of this process: resident, its peak, and address space.";
    CPU: Gauge "cpu_usage_percent" {} "percent", "CPU time of this process since the last scrape; 100 is one core.";
    QUEUE_SIZE: Gauge "task_queue_size" {"queue"} "jobs", "Jobs that may run now and wait for a worker.";
    CELERY_LENGTH: Gauge "celery_queue_length" {"queue"} "jobs", "The same as task_queue_size, under the name that Celery exporters use.";
    JOBS: Gauge "graphmill_jobs" {"queue", "state"} "jobs", "Jobs in each state, zeros included.";
    OLDEST_READY: Gauge "graphmill_queue_oldest_ready_seconds" {"queue"} "seconds", "Age of the job that has been ready longest; 0 when none is.";
    BACKLOG: Gauge "graphmill_queue_backlog_seconds" {"queue"} "seconds", "Work that waits, in seconds of one slot.";
    UNACCOUNTED: Gauge "graphmill_jobs_unaccounted" {} "jobs", "Jobs accepted that are neither there nor pruned; anything but 0 is a fault. At most 30 s old.";
}

/// Bounds of request times, seconds: from an answer out of memory to the time limit of a request.
const REQUEST_BUCKETS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];

impl Descriptor {
    fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }

    pub(super) fn counters(&self, registry: &Registry) -> prometheus::Result<IntCounterVec> {
        let metric = IntCounterVec::new(self.opts(), self.labels)?;
        registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn histograms(&self, registry: &Registry) -> prometheus::Result<HistogramVec> {
        let opts = HistogramOpts::new(self.name, self.help).buckets(REQUEST_BUCKETS.to_vec());
        let metric = HistogramVec::new(opts, self.labels)?;
        registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn int_gauge(&self, registry: &Registry) -> prometheus::Result<IntGauge> {
        let metric = IntGauge::with_opts(self.opts())?;
        registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn int_gauges(&self, registry: &Registry) -> prometheus::Result<IntGaugeVec> {
        let metric = IntGaugeVec::new(self.opts(), self.labels)?;
        registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn gauge(&self, registry: &Registry) -> prometheus::Result<Gauge> {
        let metric = Gauge::with_opts(self.opts())?;
        registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn gauges(&self, registry: &Registry) -> prometheus::Result<GaugeVec> {
        let metric = GaugeVec::new(self.opts(), self.labels)?;
        registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}
