//! What a worker tells Prometheus. `docs/metrics.md` lists every metric of the system.

use std::time::Duration;

use graphmill_queue::{broker::Rescued, runtime::Observer};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// Upper bounds of the wait and run histograms, seconds: from no-op jobs to large documents.
const SECONDS: [f64; 14] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0,
];

/// The metrics of finished and rescued jobs.
pub struct WorkerMetrics {
    finished: IntCounterVec,
    wait: HistogramVec,
    run: HistogramVec,
    rescued: IntCounterVec,
    broker_failures: IntCounterVec,
}

impl WorkerMetrics {
    /// Creates the metrics in `registry`.
    ///
    /// # Errors
    /// When one of the names is taken.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter =
            |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
                let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
                registry.register(Box::new(counter.clone()))?;
                Ok(counter)
            };
        let histogram = |name: &str, help: &str| -> Result<HistogramVec, prometheus::Error> {
            let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
            let histogram = HistogramVec::new(options, &["queue", "kind"])?;
            registry.register(Box::new(histogram.clone()))?;
            Ok(histogram)
        };
        Ok(Self {
            finished: counter(
                "graphmill_jobs_finished_total",
                "Attempts that ended, by outcome",
                &["queue", "kind", "outcome"],
            )?,
            wait: histogram(
                "graphmill_job_wait_seconds",
                "From when a job might run until it began",
            )?,
            run: histogram("graphmill_job_run_seconds", "How long an attempt ran")?,
            rescued: counter(
                "graphmill_jobs_rescued_total",
                "Jobs taken back from lost workers",
                &["queue", "kind", "state"],
            )?,
            broker_failures: counter(
                "graphmill_broker_failures_total",
                "Calls to the broker that failed and were repeated",
                &["verb"],
            )?,
        })
    }
}

impl Observer for WorkerMetrics {
    fn job_finished(&self, queue: &str, kind: &str, outcome: &str, wait: Duration, run: Duration) {
        self.finished
            .with_label_values(&[queue, kind, outcome])
            .inc();
        self.wait
            .with_label_values(&[queue, kind])
            .observe(wait.as_secs_f64());
        self.run
            .with_label_values(&[queue, kind])
            .observe(run.as_secs_f64());
    }

    fn job_rescued(&self, job: &Rescued) {
        self.rescued
            .with_label_values(&[job.queue.as_str(), job.kind.as_str(), job.state.as_str()])
            .inc();
    }

    fn broker_failed(&self, verb: &str) {
        self.broker_failures.with_label_values(&[verb]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_job_is_counted_with_its_outcome_and_times() {
        let registry = Registry::new();
        let metrics = WorkerMetrics::register(&registry).unwrap();
        metrics.job_finished(
            "documents",
            "document.process",
            "done",
            Duration::from_millis(3),
            Duration::from_secs(2),
        );
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        let expected = r#"graphmill_jobs_finished_total{kind="document.process",outcome="done",queue="documents"} 1"#;
        assert!(text.contains(expected), "{text}");
        assert!(text.contains(r#"graphmill_job_run_seconds_bucket{kind="document.process",queue="documents",le="2.5"} 1"#));
        assert!(text.contains(r#"graphmill_job_run_seconds_bucket{kind="document.process",queue="documents",le="1"} 0"#));
    }

    #[test]
    fn two_workers_in_one_registry_are_refused() {
        let registry = Registry::new();
        assert!(WorkerMetrics::register(&registry).is_ok());
        assert!(WorkerMetrics::register(&registry).is_err());
    }
}
