//! Questions.

use axum::{Router, extract::State, routing::post};
use graphmill_retrieval::{Evidence, Found, Mode, Query as Question, Scores};
use graphmill_store::{ChunkId, DocumentId};
use serde::{Deserialize, Serialize};

use super::TENANT;
use crate::{ApiState, error::Result, extract::Json};

/// Results of an answer whose size is not asked for.
const DEFAULT_RESULTS: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryBody {
    query: String,
    #[serde(default)]
    mode: Mode,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
struct AnswerView {
    query: String,
    mode: Mode,
    seconds: f64,
    results: Vec<ResultView>,
}

/// A chunk that answers.
#[derive(Debug, Serialize)]
struct ResultView {
    text: String,
    score: f64,
    document_id: DocumentId,
    /// Its title.
    document: String,
    source: String,
    chunk_id: ChunkId,
    ordinal: u32,
    page: Option<u32>,
    last_page: Option<u32>,
    /// First character in the document's text.
    start: u64,
    /// One past the last one.
    end: u64,
    heading_path: Vec<String>,
    scores: Scores,
    evidence: Evidence,
}

impl From<Found> for ResultView {
    fn from(found: Found) -> Self {
        let chunk = found.chunk;
        Self {
            text: chunk.text,
            score: found.score,
            document_id: chunk.document,
            document: chunk.document_title,
            source: chunk.document_source,
            chunk_id: chunk.id,
            ordinal: chunk.ordinal,
            page: chunk.page,
            last_page: chunk.last_page,
            start: chunk.start_char,
            end: chunk.end_char,
            heading_path: chunk.heading_path,
            scores: found.scores,
            evidence: found.evidence,
        }
    }
}

async fn query(
    State(state): State<ApiState>,
    Json(body): Json<QueryBody>,
) -> Result<axum::Json<AnswerView>> {
    let question = Question {
        tenant: TENANT.to_owned(),
        text: body.query,
        mode: body.mode,
        limit: body.limit.unwrap_or(DEFAULT_RESULTS),
    };
    let answer = state.retriever.search(&question).await?;
    Ok(axum::Json(AnswerView {
        query: question.text,
        mode: answer.mode,
        seconds: answer.seconds,
        results: answer.results.into_iter().map(Into::into).collect(),
    }))
}

pub(crate) fn router() -> Router<ApiState> {
    Router::new().route("/api/query", post(query))
}
