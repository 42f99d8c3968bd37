//! Jobs as NDJSON, out and in. Neither is held in memory, and neither has a time limit: a million jobs take what they take.

use std::io;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::header,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::{StreamExt, TryStreamExt};
use graphmill_queue::{
    broker::Verdict,
    transfer::{ImportReport, ImportedLine, export, import},
};
use serde::Serialize;
use tokio::io::BufReader;
use tokio_util::io::StreamReader;

use super::jobs::CountParameters;
use crate::{ApiState, error::Result, extract::Query};

/// Lines that an import names which gave no job.
const MAX_NAMED: usize = 100;

async fn export_jobs(
    State(state): State<ApiState>,
    Query(parameters): Query<CountParameters>,
) -> Result<Response> {
    let lines = export(state.services.broker.clone(), parameters.filter()?);
    // An error after the first line can only be told by breaking off, which a client sees as such.
    let lines = lines.map(|line| line.map(|line| line + "\n").map_err(io::Error::other));
    let content_type = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((content_type, Body::from_stream(lines)).into_response())
}

/// What an import did, with the first lines that gave no job.
#[derive(Debug, Serialize)]
struct ImportView {
    #[serde(flatten)]
    report: ImportReport,
    problems: Vec<ImportedLine>,
}

async fn import_jobs(
    State(state): State<ApiState>,
    request: Request,
) -> Result<axum::Json<ImportView>> {
    let services = &state.services;
    services.admission.check(&*services.broker).await?;
    let body = request.into_body().into_data_stream();
    let lines = BufReader::new(StreamReader::new(body.map_err(io::Error::other)));
    let mut problems = Vec::new();
    let report = import(&services.broker, lines, |line| {
        let is_problem = matches!(
            line.verdict,
            Verdict::Conflict { .. } | Verdict::Rejected { .. }
        );
        if is_problem && problems.len() < MAX_NAMED {
            problems.push(line);
        }
    });
    let report = report.await?;
    Ok(axum::Json(ImportView { report, problems }))
}

pub(crate) fn router() -> Router<ApiState> {
    Router::new()
        .route("/api/jobs/export", get(export_jobs))
        .route("/api/jobs/import", post(import_jobs))
}
