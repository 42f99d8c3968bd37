//! The HTTP API: axum routes over the same [`Services`] that the job handlers use.
//!
//! [`serve()`] is the whole of it: tests call it on port 0, the binary on the configured address. A request passes, from
//! the outside in: request id, trace, metrics, panic guard, cut-off at shutdown, time limit (not for uploads), route.
//! Every answer that is no success is a problem document ([`error`]), also those of the extractors and of axum itself.
//!
//! **Invariant: `api` never runs a job.** It writes documents and jobs, and reads.

pub mod error;
mod extract;
mod limits;
pub mod metrics;
mod router;
mod routes;
mod serve;

use std::sync::Arc;

use graphmill_config::Config;
use graphmill_pipeline::Services;
use graphmill_retrieval::{Limits, Retriever};
use prometheus::Registry;

pub use metrics::Metrics;
pub use serve::serve;

/// Says whether the process makes progress; the reason if it does not.
pub type Liveness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What every request can reach. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    services: Services,
    retriever: Retriever,
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    liveness: Option<Liveness>,
}

impl ApiState {
    /// Builds the state and registers the API's metrics in `registry`, whose whole content `/metrics` shows.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn new(
        services: Services,
        config: Arc<Config>,
        registry: &Registry,
    ) -> prometheus::Result<Self> {
        Ok(Self {
            retriever: Retriever::new(
                Arc::clone(&services.store),
                Arc::clone(&services.embedder),
                Arc::clone(&services.extractor),
            )
            .with_limits(Limits {
                query_characters: config.api.max_query_characters,
                results: config.api.max_results,
            }),
            metrics: Arc::new(Metrics::register(registry)?),
            services,
            config,
            liveness: None,
        })
    }

    /// Makes `/health/live` ask `liveness`, for a process that also runs workers.
    #[must_use]
    pub fn with_liveness(mut self, liveness: Liveness) -> Self {
        self.liveness = Some(liveness);
        self
    }
}
