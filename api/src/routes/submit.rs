//! Jobs of any kind, submitted over HTTP: one, or as many as fit into a JSON body. More of them come as NDJSON: see
//! `transfer`.

use std::collections::BTreeSet;

use axum::{Router, extract::State, routing::post};
use graphmill_queue::{
    JobId, NewJob, Priority,
    broker::{MAX_SUBMIT, Verdict},
    job::{Backoff, Unique},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{TENANT, queues::known_queues};
use crate::{
    ApiState,
    error::{ApiError, Code, Result},
    extract::{Json, Query},
};

/// A job as a client describes it; what it leaves out has the defaults of [`NewJob::new`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobBody {
    id: Option<JobId>,
    kind: String,
    queue: String,
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    tags: Vec<String>,
    run_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    deadline: Option<Timestamp>,
    timeout_ms: Option<u64>,
    max_attempts: Option<u32>,
    #[serde(default)]
    backoff: Backoff,
    unique: Option<Unique>,
    #[serde(default)]
    depends_on: Vec<JobId>,
    schema_version: Option<u32>,
}

impl JobBody {
    fn into_job(self) -> NewJob {
        let defaults = NewJob::new(self.kind, self.queue, self.payload);
        NewJob {
            id: self.id.unwrap_or(defaults.id),
            tenant: TENANT.to_owned(),
            priority: self.priority,
            tags: self.tags,
            run_at: self.run_at,
            expires_at: self.expires_at,
            deadline: self.deadline,
            timeout_ms: self.timeout_ms.unwrap_or(defaults.timeout_ms),
            max_attempts: self.max_attempts.unwrap_or(defaults.max_attempts),
            backoff: self.backoff,
            unique: self.unique,
            depends_on: self.depends_on,
            schema_version: self.schema_version.unwrap_or(defaults.schema_version),
            ..defaults
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubmitBody {
    jobs: Vec<JobBody>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubmitParameters {
    /// One conflict or rejection keeps all of them out.
    #[serde(default)]
    all_or_nothing: bool,
}

/// What became of each, in the order given.
#[derive(Debug, Serialize)]
struct Verdicts {
    items: Vec<Verdict>,
}

async fn submit_jobs(
    State(state): State<ApiState>,
    Query(parameters): Query<SubmitParameters>,
    Json(body): Json<SubmitBody>,
) -> Result<axum::Json<Verdicts>> {
    if !(1..=MAX_SUBMIT).contains(&body.jobs.len()) {
        return Err(ApiError::invalid(
            "jobs",
            format!(
                "`jobs` has {} jobs; 1 to {MAX_SUBMIT} are allowed, more go to /api/jobs/import",
                body.jobs.len()
            ),
        ));
    }
    let broker = &state.services.broker;
    state.services.admission.check(&**broker).await?;
    let known = known_queues(&state).await?;
    let jobs: Vec<_> = body.jobs.into_iter().map(JobBody::into_job).collect();
    let strangers = jobs.iter().filter(|job| !known.contains(&job.queue));
    let has_strangers = strangers.count() > 0;
    if has_strangers && parameters.all_or_nothing {
        return Ok(axum::Json(Verdicts {
            items: jobs.iter().map(|job| refusal(job, &known)).collect(),
        }));
    }
    // A job in a queue that nobody serves would wait for ever: the name is misspelt.
    let accepted = jobs.iter().filter(|job| known.contains(&job.queue));
    let accepted = accepted.cloned().collect();
    let mut verdicts = broker
        .submit(accepted, parameters.all_or_nothing)
        .await?
        .into_iter();
    let items = jobs.iter().map(|job| {
        let verdict = known.contains(&job.queue).then(|| verdicts.next());
        verdict.flatten().unwrap_or_else(|| refusal(job, &known))
    });
    Ok(axum::Json(Verdicts {
        items: items.collect(),
    }))
}

/// Refuses a job: its queue is unknown, or that of another job of an all-or-nothing submit is.
fn refusal(job: &NewJob, known: &BTreeSet<String>) -> Verdict {
    let names: Vec<_> = known.iter().map(String::as_str).collect();
    let message = if known.contains(&job.queue) {
        "the queue of another job is unknown, and it was to be all or nothing".to_owned()
    } else {
        format!(
            "queue `{}` is unknown; expected one of {}, or a queue added to `worker.queues`",
            job.queue,
            names.join(", ")
        )
    };
    Verdict::Rejected {
        code: Code::QueueNotFound.as_str().to_owned(),
        message,
    }
}

pub(crate) fn router() -> Router<ApiState> {
    Router::new().route("/api/jobs", post(submit_jobs))
}
