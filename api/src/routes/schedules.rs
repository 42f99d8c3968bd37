//! Jobs by the clock: list, show, put, delete, pause, resume.

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use graphmill_queue::{
    NewJob, Priority,
    job::Backoff,
    schedule::{CatchUp, Schedule, StoredSchedule},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{TENANT, queues::require_known};
use crate::{
    ApiState,
    error::{ApiError, Code, Result},
    extract::{Json, PathSegment},
};

/// Ticks that a schedule shows in advance.
const TICKS_SHOWN: usize = 3;

/// What each tick submits.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateBody {
    kind: String,
    queue: String,
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    tags: Vec<String>,
    timeout_ms: Option<u64>,
    max_attempts: Option<u32>,
    #[serde(default)]
    backoff: Backoff,
    schema_version: Option<u32>,
}

impl TemplateBody {
    fn into_job(self) -> NewJob {
        let defaults = NewJob::new(self.kind, self.queue, self.payload);
        NewJob {
            tenant: TENANT.to_owned(),
            priority: self.priority,
            tags: self.tags,
            timeout_ms: self.timeout_ms.unwrap_or(defaults.timeout_ms),
            max_attempts: self.max_attempts.unwrap_or(defaults.max_attempts),
            backoff: self.backoff,
            schema_version: self.schema_version.unwrap_or(defaults.schema_version),
            ..defaults
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleBody {
    cron: String,
    #[serde(default = "utc")]
    timezone: String,
    job: TemplateBody,
    #[serde(default)]
    catch_up: CatchUp,
    #[serde(default)]
    paused: bool,
}

fn utc() -> String {
    "UTC".to_owned()
}

#[derive(Debug, Serialize)]
struct ScheduleView {
    #[serde(flatten)]
    stored: StoredSchedule,
    /// The next ticks, none where it is paused.
    next: Vec<Timestamp>,
}

impl ScheduleView {
    fn new(stored: StoredSchedule, now: Timestamp) -> Self {
        let plan = stored.schedule.plan().ok();
        let plan = plan.filter(|_| !stored.schedule.paused);
        let next = plan.map_or_else(Vec::new, |plan| {
            let first = plan.next_after(now);
            std::iter::successors(first, |tick| plan.next_after(*tick))
                .take(TICKS_SHOWN)
                .collect()
        });
        Self { stored, next }
    }
}

#[derive(Debug, Serialize)]
struct ScheduleList {
    items: Vec<ScheduleView>,
}

async fn list_schedules(State(state): State<ApiState>) -> Result<axum::Json<ScheduleList>> {
    let services = &state.services;
    let schedules = services.schedules.list().await?.into_iter();
    let now = services.clock.now();
    Ok(axum::Json(ScheduleList {
        items: schedules
            .map(|stored| ScheduleView::new(stored, now))
            .collect(),
    }))
}

fn not_found(name: &str) -> ApiError {
    ApiError::new(
        Code::ScheduleNotFound,
        format!("schedule `{name}` does not exist"),
    )
}

async fn find(state: &ApiState, name: &str) -> Result<axum::Json<ScheduleView>> {
    let stored = state.services.schedules.get(name).await?;
    let stored = stored.ok_or_else(|| not_found(name))?;
    let now = state.services.clock.now();
    Ok(axum::Json(ScheduleView::new(stored, now)))
}

async fn get_schedule(
    State(state): State<ApiState>,
    PathSegment(name): PathSegment,
) -> Result<axum::Json<ScheduleView>> {
    find(&state, &name).await
}

/// Adds a schedule, or changes the one of that name.
async fn put_schedule(
    State(state): State<ApiState>,
    PathSegment(name): PathSegment,
    Json(body): Json<ScheduleBody>,
) -> Result<axum::Json<ScheduleView>> {
    require_known(&state, &body.job.queue).await?;
    let schedule = Schedule {
        name,
        cron: body.cron,
        timezone: body.timezone,
        job: body.job.into_job(),
        catch_up: body.catch_up,
        paused: body.paused,
    };
    let services = &state.services;
    services
        .schedules
        .put(&schedule, services.clock.now())
        .await?;
    find(&state, &schedule.name).await
}

#[derive(Debug, Serialize)]
struct RemovedView {
    name: String,
    deleted: bool,
}

async fn delete_schedule(
    State(state): State<ApiState>,
    PathSegment(name): PathSegment,
) -> Result<axum::Json<RemovedView>> {
    if !state.services.schedules.remove(&name).await? {
        return Err(not_found(&name));
    }
    Ok(axum::Json(RemovedView {
        name,
        deleted: true,
    }))
}

async fn set_paused(
    state: ApiState,
    name: String,
    paused: bool,
) -> Result<axum::Json<ScheduleView>> {
    if !state.services.schedules.set_paused(&name, paused).await? {
        return Err(not_found(&name));
    }
    find(&state, &name).await
}

async fn pause_schedule(
    State(state): State<ApiState>,
    PathSegment(name): PathSegment,
) -> Result<axum::Json<ScheduleView>> {
    set_paused(state, name, true).await
}

async fn resume_schedule(
    State(state): State<ApiState>,
    PathSegment(name): PathSegment,
) -> Result<axum::Json<ScheduleView>> {
    set_paused(state, name, false).await
}

pub(crate) fn router() -> Router<ApiState> {
    Router::new()
        .route("/api/schedules", get(list_schedules))
        .route(
            "/api/schedules/{name}",
            get(get_schedule).put(put_schedule).delete(delete_schedule),
        )
        .route("/api/schedules/{name}/pause", post(pause_schedule))
        .route("/api/schedules/{name}/resume", post(resume_schedule))
}
