//! Queues: list, pause, resume, purge.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use graphmill_queue::{
    JobState,
    broker::{QueueStats, Scope},
    operate::purge_within,
};
use serde::{Deserialize, Serialize};

use super::operations::{PartView, extent};
use crate::{
    ApiState,
    error::{ApiError, Code, Result},
    extract::{PathSegment, Query},
};

#[derive(Debug, Serialize)]
struct QueueView {
    queue: String,
    counts: BTreeMap<JobState, u64>,
    oldest_ready_s: Option<f64>,
    backlog_s: f64,
    paused: bool,
}

impl From<QueueStats> for QueueView {
    fn from(stats: QueueStats) -> Self {
        Self {
            queue: stats.queue,
            counts: stats.counts.into_iter().collect(),
            oldest_ready_s: stats.oldest_ready_s,
            backlog_s: stats.backlog_s,
            paused: stats.paused,
        }
    }
}

#[derive(Debug, Serialize)]
struct QueueList {
    items: Vec<QueueView>,
}

async fn list_queues(State(state): State<ApiState>) -> Result<axum::Json<QueueList>> {
    let queues = state.services.broker.queues().await?;
    Ok(axum::Json(QueueList {
        items: queues.into_iter().map(Into::into).collect(),
    }))
}

#[derive(Debug, Serialize)]
struct PausedView {
    queue: String,
    paused: bool,
}

async fn set_paused(
    state: &ApiState,
    queue: String,
    paused: bool,
) -> Result<axum::Json<PausedView>> {
    require_known(state, &queue).await?;
    state
        .services
        .broker
        .set_paused(Scope::Queue(queue.clone()), paused)
        .await?;
    Ok(axum::Json(PausedView { queue, paused }))
}

/// A misspelt name is an error, not a queue without jobs.
pub(super) async fn require_known(state: &ApiState, queue: &str) -> Result<()> {
    let known = known_queues(state).await?;
    if !known.contains(queue) {
        let known: Vec<_> = known.into_iter().collect();
        return Err(ApiError::new(
            Code::QueueNotFound,
            format!(
                "queue `{queue}` is unknown; expected one of {}",
                known.join(", ")
            ),
        ));
    }
    Ok(())
}

/// Queues that have or had jobs, and those that workers are configured to serve: pausing one before its first job is
/// allowed, pausing a misspelt one is not.
pub(super) async fn known_queues(state: &ApiState) -> Result<BTreeSet<String>> {
    let stats = state.services.broker.queues().await?;
    let served = state.config.worker.queues.keys().cloned();
    Ok(stats
        .into_iter()
        .map(|stats| stats.queue)
        .chain(served)
        .collect())
}

async fn pause_queue(
    State(state): State<ApiState>,
    PathSegment(queue): PathSegment,
) -> Result<axum::Json<PausedView>> {
    set_paused(&state, queue, true).await
}

async fn resume_queue(
    State(state): State<ApiState>,
    PathSegment(queue): PathSegment,
) -> Result<axum::Json<PausedView>> {
    set_paused(&state, queue, false).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PurgeParameters {
    /// Only count.
    #[serde(default)]
    dry_run: bool,
    /// Where the purge before stopped.
    cursor: Option<String>,
}

/// Empties a queue: what waits is cancelled and deleted, what ended is deleted, what runs is told to stop.
async fn purge_queue(
    State(state): State<ApiState>,
    PathSegment(queue): PathSegment,
    Query(parameters): Query<PurgeParameters>,
) -> Result<axum::Json<PartView>> {
    require_known(&state, &queue).await?;
    let mut silent = |_: &_| {};
    let extent = extent(parameters.cursor.as_deref(), &mut silent)?;
    let broker = &state.services.broker;
    let part = purge_within(broker, &queue, parameters.dry_run, extent).await?;
    Ok(axum::Json(part.into()))
}

pub(crate) fn router() -> Router<ApiState> {
    Router::new()
        .route("/api/queues", get(list_queues))
        .route("/api/queues/{queue}/pause", post(pause_queue))
        .route("/api/queues/{queue}/resume", post(resume_queue))
        .route("/api/queues/{queue}/purge", post(purge_queue))
}
