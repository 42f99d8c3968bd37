//! One thing done to every job that a filter means, a part a request.

use std::time::Duration;

use axum::{Router, extract::State, routing::post};
use graphmill_queue::{
    JobState,
    broker::JobFilter,
    operate::{Extent, Operation, OperationReport, Place, operate_within},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    ApiState,
    error::{ApiError, Result},
    extract::Json,
};

/// How long one request goes on: well within a client's patience.
const BUDGET: Duration = Duration::from_secs(2);

/// What one request did.
#[derive(Debug, Serialize)]
pub(super) struct PartView {
    #[serde(flatten)]
    report: OperationReport,
    /// Hand it back to go on; `null` at the end.
    next_cursor: Option<String>,
}

impl From<(OperationReport, Option<Place>)> for PartView {
    fn from((report, place): (OperationReport, Option<Place>)) -> Self {
        Self {
            report,
            next_cursor: place.map(|place| place.to_string()),
        }
    }
}

/// Goes on from a cursor for as long as a request may.
pub(super) fn extent<'a>(
    cursor: Option<&str>,
    progress: &'a mut (dyn FnMut(&OperationReport) + Send),
) -> Result<Extent<'a>> {
    let from = cursor.map(str::parse).transpose();
    Ok(Extent {
        from: from.map_err(|error: graphmill_queue::Error| {
            ApiError::invalid("cursor", error.to_string())
        })?,
        budget: Some(BUDGET),
        progress,
    })
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verb {
    Retry,
    Promote,
    Cancel,
    Delete,
    Snooze,
}

/// Which jobs are meant; at least one field, unless `all` says that every job is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Filter {
    states: Vec<JobState>,
    queue: Option<String>,
    kind: Option<String>,
    tenant: Option<String>,
    tag: Option<String>,
    error_code: Option<String>,
    submitted_after: Option<Timestamp>,
    submitted_before: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OperationBody {
    operation: Verb,
    #[serde(default)]
    filter: Filter,
    /// Every job is meant.
    #[serde(default)]
    all: bool,
    /// For `snooze`.
    until: Option<Timestamp>,
    #[serde(default)]
    dry_run: bool,
    cursor: Option<String>,
}

impl OperationBody {
    fn operation(&self) -> Result<Operation> {
        let needless = || ApiError::invalid("until", "`until` belongs to `snooze` alone");
        Ok(match (self.operation, self.until) {
            (Verb::Snooze, Some(until)) => Operation::Snooze(until),
            (Verb::Snooze, None) => {
                return Err(ApiError::invalid(
                    "until",
                    "`snooze` needs `until`, an instant such as 2026-01-01T08:00:00Z",
                ));
            }
            (_, Some(_)) => return Err(needless()),
            (Verb::Retry, None) => Operation::Retry,
            (Verb::Promote, None) => Operation::Promote,
            (Verb::Cancel, None) => Operation::Cancel,
            (Verb::Delete, None) => Operation::Delete,
        })
    }

    fn filter(&self) -> Result<JobFilter> {
        let Filter {
            states,
            queue,
            kind,
            tenant,
            tag,
            error_code,
            submitted_after,
            submitted_before,
        } = &self.filter;
        let filter = JobFilter {
            states: states.clone(),
            queue: queue.clone(),
            kind: kind.clone(),
            tenant: tenant.clone(),
            tag: tag.clone(),
            error_code: error_code.clone(),
            submitted_after: *submitted_after,
            submitted_before: *submitted_before,
        };
        if (filter == JobFilter::default()) != self.all {
            return Err(ApiError::invalid(
                "filter",
                "name at least one field of `filter`, or every job with `\"all\": true`, and not both",
            ));
        }
        Ok(filter)
    }
}

async fn operate_jobs(
    State(state): State<ApiState>,
    Json(body): Json<OperationBody>,
) -> Result<axum::Json<PartView>> {
    let (operation, filter) = (body.operation()?, body.filter()?);
    let mut silent = |_: &_| {};
    let extent = extent(body.cursor.as_deref(), &mut silent)?;
    let broker = &state.services.broker;
    let part = operate_within(broker, &filter, operation, body.dry_run, extent).await?;
    Ok(axum::Json(part.into()))
}

pub(crate) fn router() -> Router<ApiState> {
    Router::new().route("/api/jobs/operate", post(operate_jobs))
}
