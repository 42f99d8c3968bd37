//! Documents: list, show, delete, retry. Their way in is [`super::uploads`].

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use futures::{StreamExt, TryStreamExt, stream};
use graphmill_queue::JobId;
use graphmill_store::{
    DocumentId, Stage, VersionId,
    chunks::ChunkRecord,
    documents::{DocumentFilter, DocumentRecord, DocumentStatus},
    stages::{StageRun, StageState},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CONCURRENCY, TENANT};
use crate::{
    ApiState,
    error::{ApiError, Result, document_not_found},
    extract::{Json, PathSegment, Query, page_size},
};

/// A document with its newest version.
#[derive(Debug, Serialize)]
struct DocumentView {
    document_id: DocumentId,
    version_id: VersionId,
    version_number: u32,
    title: String,
    source: String,
    status: DocumentStatus,
    file_type: Option<String>,
    declared_type: Option<String>,
    language: Option<String>,
    encoding: Option<String>,
    size_bytes: u64,
    pages: Option<u32>,
    characters: Option<u64>,
    chunks: u64,
    warnings: Vec<String>,
    metadata: Value,
    error: Option<ErrorView>,
    progress: ProgressView,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Serialize)]
struct ErrorView {
    code: String,
    message: Option<String>,
}

impl ErrorView {
    fn of(document: &DocumentRecord) -> Option<Self> {
        document.error_code.clone().map(|code| Self {
            code,
            message: document.error_message.clone(),
        })
    }
}

/// Stage rows that are completed, and all there are so far.
#[derive(Debug, Serialize)]
struct ProgressView {
    done: usize,
    total: usize,
}

impl ProgressView {
    fn of(stages: &[StageRun]) -> Self {
        let done = |stage: &&StageRun| stage.state == StageState::Completed;
        Self {
            done: stages.iter().filter(done).count(),
            total: stages.len(),
        }
    }
}

impl DocumentView {
    fn new(document: DocumentRecord, stages: &[StageRun]) -> Self {
        let error = ErrorView::of(&document);
        let facts = document.facts;
        Self {
            document_id: document.id,
            version_id: document.version,
            version_number: document.version_number,
            title: document.title,
            source: document.source,
            status: document.status,
            declared_type: document.declared_type,
            size_bytes: document.size_bytes,
            chunks: document.chunks,
            metadata: document.metadata,
            error,
            progress: ProgressView::of(stages),
            created_at: document.created_at,
            updated_at: document.updated_at,
            pages: facts.as_ref().map(|facts| facts.pages),
            characters: facts.as_ref().map(|facts| facts.characters),
            language: facts.as_ref().and_then(|facts| facts.language.clone()),
            encoding: facts.as_ref().and_then(|facts| facts.encoding.clone()),
            file_type: facts.as_ref().map(|facts| facts.file_type.clone()),
            warnings: facts.map(|facts| facts.warnings).unwrap_or_default(),
        }
    }
}

/// A document with every step of its newest version.
#[derive(Debug, Serialize)]
struct DocumentDetail {
    #[serde(flatten)]
    document: DocumentView,
    stages: Vec<StageView>,
}

#[derive(Debug, Serialize)]
struct StageView {
    stage: Stage,
    shard: u32,
    state: StageState,
    items: u64,
    attempt: u32,
    job_id: JobId,
    error_code: Option<String>,
    error_message: Option<String>,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
}

impl From<StageRun> for StageView {
    fn from(run: StageRun) -> Self {
        Self {
            stage: run.stage,
            shard: run.shard,
            state: run.state,
            items: run.items,
            attempt: run.attempt,
            job_id: run.job_id,
            error_code: run.error_code,
            error_message: run.error_message,
            started_at: run.started_at,
            finished_at: run.finished_at,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParameters {
    status: Option<String>,
    file_type: Option<String>,
    source: Option<String>,
    limit: Option<u64>,
    cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct DocumentPage {
    items: Vec<DocumentView>,
    next_cursor: Option<String>,
}

async fn list_documents(
    State(state): State<ApiState>,
    Query(parameters): Query<ListParameters>,
) -> Result<axum::Json<DocumentPage>> {
    let limit = page_size(&state, parameters.limit)?;
    let status = parameters
        .status
        .map(|status| status.parse())
        .transpose()
        .map_err(|message: String| ApiError::invalid("status", message))?;
    let filter = DocumentFilter {
        tenant: Some(TENANT.to_owned()),
        status,
        file_type: parameters.file_type,
        source: parameters.source,
    };
    let store = &state.services.store;
    let (documents, next_cursor) = store
        .list_documents(&filter, parameters.cursor.as_deref(), limit)
        .await?;
    let items = stream::iter(documents)
        .map(|document| async move {
            let stages = store.list_stages(document.id).await?;
            Ok::<_, ApiError>(DocumentView::new(document, &stages))
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(axum::Json(DocumentPage { items, next_cursor }))
}

/// Reads the document of a path; an id that is none names no document.
pub(crate) async fn find_document(state: &ApiState, id: &str) -> Result<DocumentRecord> {
    let Ok(parsed) = id.parse::<DocumentId>() else {
        return Err(document_not_found(id));
    };
    state
        .services
        .store
        .get_document(parsed)
        .await?
        .filter(|document| document.tenant == TENANT)
        .ok_or_else(|| document_not_found(id))
}

async fn get_document(
    State(state): State<ApiState>,
    PathSegment(id): PathSegment,
) -> Result<axum::Json<DocumentDetail>> {
    let document = find_document(&state, &id).await?;
    let stages = state.services.store.list_stages(document.id).await?;
    Ok(axum::Json(DocumentDetail {
        document: DocumentView::new(document, &stages),
        stages: stages.into_iter().map(Into::into).collect(),
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LookupBody {
    ids: Vec<DocumentId>,
}

#[derive(Debug, Serialize)]
struct Items<T> {
    items: Vec<T>,
}

/// What a client that waits for documents needs of each.
#[derive(Debug, Serialize)]
struct LookupView {
    document_id: DocumentId,
    title: String,
    source: String,
    status: DocumentStatus,
    chunks: u64,
    size_bytes: u64,
    error: Option<ErrorView>,
}

async fn lookup_documents(
    State(state): State<ApiState>,
    Json(body): Json<LookupBody>,
) -> Result<axum::Json<Items<LookupView>>> {
    let most = state.config.api.max_page;
    if body.ids.len() > most {
        return Err(ApiError::invalid(
            "ids",
            format!(
                "{} ids are too many; the limit (`api.max_page`) is {most}",
                body.ids.len()
            ),
        ));
    }
    let store = &state.services.store;
    let found: Vec<Option<DocumentRecord>> = stream::iter(body.ids)
        .map(|id| store.get_document(id))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    let items = found
        .into_iter()
        .flatten()
        .filter(|document| document.tenant == TENANT)
        .map(|document| LookupView {
            error: ErrorView::of(&document),
            document_id: document.id,
            title: document.title,
            source: document.source,
            status: document.status,
            chunks: document.chunks,
            size_bytes: document.size_bytes,
        })
        .collect();
    Ok(axum::Json(Items { items }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChunkParameters {
    from: Option<u32>,
    limit: Option<u64>,
}

async fn list_chunks(
    State(state): State<ApiState>,
    PathSegment(id): PathSegment,
    Query(parameters): Query<ChunkParameters>,
) -> Result<axum::Json<Items<ChunkRecord>>> {
    let limit = page_size(&state, parameters.limit)?;
    let document = find_document(&state, &id).await?;
    let items = state
        .services
        .store
        .list_chunks(document.id, parameters.from.unwrap_or(0), limit)
        .await?;
    Ok(axum::Json(Items { items }))
}

#[derive(Debug, Serialize)]
struct DeleteView {
    document_id: DocumentId,
    job_id: JobId,
}

async fn delete_document(
    State(state): State<ApiState>,
    PathSegment(id): PathSegment,
) -> Result<(StatusCode, axum::Json<DeleteView>)> {
    let document_id = find_document(&state, &id).await?.id;
    let job_id = state.services.delete_document(document_id).await?;
    let view = DeleteView {
        document_id,
        job_id,
    };
    Ok((StatusCode::ACCEPTED, axum::Json(view)))
}

#[derive(Debug, Serialize)]
struct RetryView {
    document_id: DocumentId,
    job_ids: Vec<JobId>,
}

async fn retry_document(
    State(state): State<ApiState>,
    PathSegment(id): PathSegment,
) -> Result<(StatusCode, axum::Json<RetryView>)> {
    let document_id = find_document(&state, &id).await?.id;
    let job_ids = state.services.retry_document(document_id).await?;
    let view = RetryView {
        document_id,
        job_ids,
    };
    Ok((StatusCode::ACCEPTED, axum::Json(view)))
}

pub(crate) fn router() -> Router<ApiState> {
    Router::new()
        .route("/api/documents", get(list_documents))
        .route("/api/documents/lookup", post(lookup_documents))
        .route(
            "/api/documents/{id}",
            get(get_document).delete(delete_document),
        )
        .route("/api/documents/{id}/chunks", get(list_chunks))
        .route("/api/documents/{id}/retry", post(retry_document))
}
