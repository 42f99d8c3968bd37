//! One resource a file, each with its routes at its end.

pub(crate) mod documents;
pub(crate) mod events;
pub(crate) mod graph;
pub(crate) mod health;
pub(crate) mod jobs;
pub(crate) mod metrics;
pub(crate) mod operations;
pub(crate) mod query;
pub(crate) mod queues;
pub(crate) mod schedules;
pub(crate) mod stats;
pub(crate) mod submit;
pub(crate) mod transfer;
pub(crate) mod uploads;

/// The tenant of every request: the embedded profile has no keys, so there is one.
pub(crate) const TENANT: &str = graphmill_queue::job::DEFAULT_TENANT;

/// Store calls of one request in flight.
pub(crate) const CONCURRENCY: usize = 4;
