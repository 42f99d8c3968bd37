//! Jobs: list, count, show, explain, retry, promote, snooze, cancel, delete, mend; the workers that run them.

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::State,
    routing::{get, post, put},
};
use graphmill_queue::{
    JobId, JobRecord, JobState,
    broker::JobFilter,
    why::{Why, why},
    workers::WorkerInfo,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ApiState,
    error::{ApiError, Code, Result},
    extract::{Json, PathSegment, Query, page_size},
};

/// Which jobs a list means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParameters {
    state: Option<String>,
    queue: Option<String>,
    kind: Option<String>,
    tenant: Option<String>,
    tag: Option<String>,
    error_code: Option<String>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// Which jobs a count or an export means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CountParameters {
    state: Option<String>,
    queue: Option<String>,
    kind: Option<String>,
    tenant: Option<String>,
    tag: Option<String>,
    error_code: Option<String>,
}

impl CountParameters {
    pub(super) fn filter(self) -> Result<JobFilter> {
        Ok(JobFilter {
            states: parse_states(self.state.as_deref())?,
            queue: self.queue,
            kind: self.kind,
            tenant: self.tenant,
            tag: self.tag,
            error_code: self.error_code,
            ..JobFilter::default()
        })
    }
}

/// Parses states separated by commas.
fn parse_states(text: Option<&str>) -> Result<Vec<JobState>> {
    text.map_or(Ok(Vec::new()), |text| {
        text.split(',')
            .map(|state| {
                state
                    .trim()
                    .parse()
                    .map_err(|message: String| ApiError::invalid("state", message))
            })
            .collect()
    })
}

#[derive(Debug, Serialize)]
struct JobPage {
    items: Vec<JobRecord>,
    next_cursor: Option<String>,
}

async fn list_jobs(
    State(state): State<ApiState>,
    Query(parameters): Query<ListParameters>,
) -> Result<axum::Json<JobPage>> {
    let limit = page_size(&state, parameters.limit)?;
    let filter = JobFilter {
        states: parse_states(parameters.state.as_deref())?,
        queue: parameters.queue,
        kind: parameters.kind,
        tenant: parameters.tenant,
        tag: parameters.tag,
        error_code: parameters.error_code,
        ..JobFilter::default()
    };
    let page = state
        .services
        .broker
        .list(&filter, parameters.cursor.as_deref(), limit)
        .await?;
    Ok(axum::Json(JobPage {
        items: page.items,
        next_cursor: page.next_cursor,
    }))
}

#[derive(Debug, Serialize)]
struct Counts {
    counts: BTreeMap<JobState, u64>,
}

async fn count_jobs(
    State(state): State<ApiState>,
    Query(parameters): Query<CountParameters>,
) -> Result<axum::Json<Counts>> {
    let filter = parameters.filter()?;
    let counts = state.services.broker.counts(&filter).await?;
    Ok(axum::Json(Counts {
        counts: counts.into_iter().collect(),
    }))
}

fn parse_id(id: &str) -> Result<JobId> {
    id.parse().map_err(|_| not_found(id))
}

fn not_found(id: &str) -> ApiError {
    ApiError::new(
        Code::JobNotFound,
        format!("job `{id}` does not exist; it may have been pruned"),
    )
}

async fn get_job(
    State(state): State<ApiState>,
    PathSegment(id): PathSegment,
) -> Result<axum::Json<JobRecord>> {
    let job = state.services.broker.get(parse_id(&id)?).await?;
    job.map(axum::Json).ok_or_else(|| not_found(&id))
}

async fn retry_job(
    State(state): State<ApiState>,
    PathSegment(id): PathSegment,
) -> Result<axum::Json<JobRecord>> {
    let job = state.services.broker.retry(parse_id(&id)?).await?;
    Ok(axum::Json(job))
}

async fn cancel_job(
    State(state): State<ApiState>,
    PathSegment(id): PathSegment,
) -> Result<axum::Json<JobRecord>> {
    let job = state.services.broker.cancel(parse_id(&id)?).await?;
    Ok(axum::Json(job))
}

#[derive(Debug, Serialize)]
struct DeletedView {
    id: JobId,
    deleted: bool,
}

async fn delete_job(
    State(state): State<ApiState>,
    PathSegment(id): PathSegment,
) -> Result<axum::Json<DeletedView>> {
    let id = parse_id(&id)?;
    state.services.broker.delete(id).await?;
    Ok(axum::Json(DeletedView { id, deleted: true }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SnoozeBody {
    until: Timestamp,
}

async fn snooze_job(
    State(state): State<ApiState>,
    PathSegment(id): PathSegment,
    Json(body): Json<SnoozeBody>,
) -> Result<axum::Json<JobRecord>> {
    let job = state.services.broker.snooze(parse_id(&id)?, body.until);
    Ok(axum::Json(job.await?))
}

/// Makes a job that waits for its time run now. For one that has ended, that is a retry, and so refused here.
async fn promote_job(
    State(state): State<ApiState>,
    PathSegment(id): PathSegment,
) -> Result<axum::Json<JobRecord>> {
    let broker = &state.services.broker;
    let job = broker.get(parse_id(&id)?).await?;
    let job = job.ok_or_else(|| not_found(&id))?;
    if job.state.is_terminal() {
        return Err(ApiError::new(
            Code::JobConflict,
            format!(
                "job `{id}` is {}; `retry` makes an ended job run again",
                job.state.as_str()
            ),
        ));
    }
    Ok(axum::Json(broker.retry(job.id()).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PayloadBody {
    payload: Value,
}

/// Gives a dead job another payload, for its next retry.
async fn set_payload(
    State(state): State<ApiState>,
    PathSegment(id): PathSegment,
    Json(body): Json<PayloadBody>,
) -> Result<axum::Json<JobRecord>> {
    let broker = &state.services.broker;
    let job = broker.set_payload(parse_id(&id)?, body.payload).await?;
    Ok(axum::Json(job))
}

/// Why a job does not run, or what became of it; the sentences are for people, the reasons for programs.
#[derive(Debug, Serialize)]
struct WhyView {
    #[serde(flatten)]
    why: Why,
    sentences: Vec<String>,
}

async fn explain_job(
    State(state): State<ApiState>,
    PathSegment(id): PathSegment,
) -> Result<axum::Json<WhyView>> {
    let why = why(&state.services.broker, parse_id(&id)?).await?;
    Ok(axum::Json(WhyView {
        sentences: why.reasons.iter().map(ToString::to_string).collect(),
        why,
    }))
}

#[derive(Debug, Serialize)]
struct WorkerList {
    items: Vec<WorkerInfo>,
}

async fn list_workers(State(state): State<ApiState>) -> Result<axum::Json<WorkerList>> {
    let items = state.services.broker.workers().await?;
    Ok(axum::Json(WorkerList { items }))
}

pub(crate) fn router() -> Router<ApiState> {
    Router::new()
        .route("/api/jobs", get(list_jobs))
        .route("/api/jobs/counts", get(count_jobs))
        .route("/api/workers", get(list_workers))
        .route("/api/jobs/{id}/why", get(explain_job))
        .route("/api/jobs/{id}", get(get_job).delete(delete_job))
        .route("/api/jobs/{id}/retry", post(retry_job))
        .route("/api/jobs/{id}/cancel", post(cancel_job))
        .route("/api/jobs/{id}/snooze", post(snooze_job))
        .route("/api/jobs/{id}/promote", post(promote_job))
        .route("/api/jobs/{id}/payload", put(set_payload))
}
