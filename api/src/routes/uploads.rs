//! The way in: a document as JSON, as a form, or as its bare bytes. Bytes go to the blob store as they arrive.
//!
//! These routes have no time limit of their own: a large document on a slow line takes what it takes.

use axum::{
    Router,
    extract::{FromRequest, Multipart, Request, State, multipart::Field},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{post, put},
};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use graphmill_pipeline::intake::Submission;
use graphmill_queue::{JobId, Priority};
use graphmill_store::{
    BlobHash, DocumentId, VersionId,
    documents::{AcceptedKind, DocumentRecord, DocumentStatus},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{TENANT, documents::find_document};
use crate::{
    ApiState,
    error::{ApiError, Code, Result},
    extract::{PathSegment, Query, broken_body, from_json, is_json, json_body},
    limits::{MAX_SOURCE_CHARACTERS, MAX_TITLE_CHARACTERS, MAX_TYPE_CHARACTERS, Stop, bounded},
};

/// What a client says about a document beside its bytes.
#[derive(Debug, Default)]
struct Description {
    title: Option<String>,
    source: Option<String>,
    file_type: Option<String>,
    metadata: Option<Value>,
    priority: Option<Priority>,
}

/// Bytes that are in the blob store.
struct Stored {
    blob: BlobHash,
    size_bytes: u64,
}

/// A document as JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonDocument {
    title: String,
    content: String,
    file_type: Option<String>,
    source: Option<String>,
    metadata: Option<Value>,
    priority: Option<Priority>,
}

/// What a client says about bare bytes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawParameters {
    title: Option<String>,
    source: Option<String>,
    file_type: Option<String>,
    priority: Option<Priority>,
}

/// What became of a document.
#[derive(Debug, Serialize)]
struct AcceptedView {
    document_id: DocumentId,
    version_id: VersionId,
    job_id: Option<JobId>,
    result: AcceptedKind,
    status: DocumentStatus,
}

async fn create_document(
    State(state): State<ApiState>,
    query: Query<RawParameters>,
    request: Request,
) -> Result<Response> {
    let (description, stored) = receive(&state, query.0, request).await?;
    accept(&state, description, stored).await
}

/// Takes new bytes for a document that is there: its source and, unless given, its title stay.
async fn replace_document(
    State(state): State<ApiState>,
    PathSegment(id): PathSegment,
    query: Query<RawParameters>,
    request: Request,
) -> Result<Response> {
    let document = find_document(&state, &id).await?;
    let (description, stored) = receive(&state, query.0, request).await?;
    accept(&state, of_document(description, document)?, stored).await
}

fn of_document(mut description: Description, document: DocumentRecord) -> Result<Description> {
    if let Some(other) = description
        .source
        .take_if(|source| *source != document.source)
    {
        return Err(ApiError::invalid(
            "source",
            format!(
                "the document's source is `{}`, not `{other}`; leave `source` out, or send the document with POST",
                document.source
            ),
        ));
    }
    description.source = Some(document.source);
    description.title.get_or_insert(document.title);
    description.metadata.get_or_insert(document.metadata);
    Ok(description)
}

/// Reads a document in whichever form it comes.
async fn receive(
    state: &ApiState,
    query: RawParameters,
    request: Request,
) -> Result<(Description, Stored)> {
    let headers = request.headers();
    let limit = state.config.api.max_document_size.as_u64();
    let content_type = essence(headers);
    if is_json(headers) {
        no_parameters(&query)?;
        let setting = "api.max_document_size";
        let document: JsonDocument =
            json_body(request.into_body(), limit, Code::DocumentTooLarge, setting).await?;
        return store_json(state, document).await;
    }
    match content_type.as_deref() {
        Some("multipart/form-data") => {
            no_parameters(&query)?;
            let form = Multipart::from_request(request, state)
                .await
                .map_err(|rejection| {
                    ApiError::new(
                        Code::RequestMalformed,
                        format!("the form cannot be read: {rejection}"),
                    )
                })?;
            receive_form(state, form).await
        }
        Some("application/x-www-form-urlencoded") => Err(ApiError::new(
            Code::UnsupportedMediaType,
            "a document cannot be sent as `application/x-www-form-urlencoded`; send its bytes as \
             `application/octet-stream`, a form as `multipart/form-data`, or `application/json`",
        )),
        declared => {
            let declared = declared.filter(|declared| *declared != "application/octet-stream");
            let description = Description {
                title: query.title,
                source: query.source,
                file_type: query.file_type.or_else(|| declared.map(str::to_owned)),
                metadata: None,
                priority: query.priority,
            };
            let body = request.into_body().into_data_stream();
            let stored = store_stream(state, body).await?;
            Ok((description, stored))
        }
    }
}

/// Returns the content type without its parameters, lower case.
fn essence(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next()?.trim().to_ascii_lowercase();
    (!essence.is_empty()).then_some(essence)
}

/// Refuses parameters where the body says the same: a client that sets both would not know which one counts.
fn no_parameters(query: &RawParameters) -> Result<()> {
    let given = [
        ("title", query.title.is_some()),
        ("source", query.source.is_some()),
        ("file_type", query.file_type.is_some()),
        ("priority", query.priority.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((name, _)) => Err(ApiError::invalid(
            name,
            format!(
                "`{name}` belongs into the body of a JSON document or form, not into the query"
            ),
        )),
    }
}

async fn store_json(state: &ApiState, document: JsonDocument) -> Result<(Description, Stored)> {
    let content = Bytes::from(document.content);
    let size_bytes = content.len() as u64;
    let description = Description {
        title: Some(document.title),
        source: document.source,
        file_type: document.file_type,
        metadata: document.metadata,
        priority: document.priority,
    };
    check(state, &description)?;
    let blob = state.services.blobs.put(content).await?;
    Ok((description, Stored { blob, size_bytes }))
}

/// Streams bytes of at most `api.max_document_size` to the blob store.
async fn store_stream<S, E>(state: &ApiState, bytes: S) -> Result<Stored>
where
    S: Stream<Item = Result<Bytes, E>> + Send + Unpin,
    E: std::fmt::Display + Send,
{
    let limit = state.config.api.max_document_size.as_u64();
    let (stream, verdict) = bounded(bytes, limit);
    let stored = state.services.blobs.put_stream(stream.boxed(), limit).await;
    match (verdict.stop(), stored) {
        (Some(Stop::TooLarge), _) => Err(ApiError::new(
            Code::DocumentTooLarge,
            format!(
                "the document is larger than {limit} bytes, the limit (`api.max_document_size`)"
            ),
        )),
        (Some(Stop::Broken(reason)), _) => Err(broken_body(&reason)),
        (None, stored) => {
            let (blob, size_bytes) = stored?;
            Ok(Stored { blob, size_bytes })
        }
    }
}

const FORM_FIELDS: &str = "file, title, source, file_type, metadata, priority";

/// Reads a form: one `file`, and fields that describe it, each at most once, in any order.
async fn receive_form(state: &ApiState, mut form: Multipart) -> Result<(Description, Stored)> {
    let mut description = Description::default();
    let mut part_name = None;
    let mut part_type = None;
    let mut stored = None;
    while let Some(field) = form.next_field().await.map_err(|e| broken_form(&e))? {
        let name = field.name().unwrap_or_default().to_owned();
        let again = match name.as_str() {
            "file" => {
                let again = stored.is_some();
                if !again {
                    part_name = field.file_name().map(str::to_owned);
                    part_type = field.content_type().map(str::to_owned);
                    stored = Some(store_stream(state, field).await?);
                }
                again
            }
            "title" => set(&mut description.title, text(state, &name, field).await?),
            "source" => set(&mut description.source, text(state, &name, field).await?),
            "file_type" => set(&mut description.file_type, text(state, &name, field).await?),
            "metadata" => {
                let metadata = text(state, &name, field).await?;
                let metadata =
                    from_json(metadata.as_bytes()).map_err(|error| error.of_field(&name))?;
                set(&mut description.metadata, metadata)
            }
            "priority" => {
                let priority = text(state, &name, field).await?;
                let priority = priority
                    .parse()
                    .map_err(|message: String| ApiError::invalid(&name, message))?;
                set(&mut description.priority, priority)
            }
            _ => {
                return Err(ApiError::invalid(
                    &name,
                    format!("unknown form field `{name}`, expected one of {FORM_FIELDS}"),
                ));
            }
        };
        if again {
            return Err(ApiError::invalid(
                &name,
                format!("the form has more than one `{name}`; send one request a document"),
            ));
        }
    }
    let stored = stored.ok_or_else(|| {
        ApiError::invalid(
            "file",
            "the form has no `file` part with the document's bytes",
        )
    })?;
    let named = part_name.as_deref().map(file_name);
    if description.title.is_none() {
        description.title = named.map(str::to_owned);
    }
    if description.file_type.is_none() {
        description.file_type = part_type.filter(|declared| declared != "application/octet-stream");
    }
    Ok((description, stored))
}

/// Sets a field; tells whether it was set before.
fn set<T>(slot: &mut Option<T>, value: T) -> bool {
    slot.replace(value).is_some()
}

/// Returns the last part of a path, as some clients send a path for a file name.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Reads a text field of a form.
async fn text(state: &ApiState, name: &str, mut field: Field<'_>) -> Result<String> {
    let limit = state.config.api.max_field_size.as_u64();
    let mut bytes = Vec::new();
    while let Some(part) = field.chunk().await.map_err(|e| broken_form(&e))? {
        bytes.extend_from_slice(&part);
        if bytes.len() as u64 > limit {
            return Err(ApiError::invalid(
                name,
                format!("`{name}` is larger than {limit} bytes, the limit (`api.max_field_size`)"),
            ));
        }
    }
    String::from_utf8(bytes)
        .map_err(|_| ApiError::invalid(name, format!("`{name}` is not UTF-8 text")))
}

fn broken_form(error: &axum::extract::multipart::MultipartError) -> ApiError {
    ApiError::new(
        Code::RequestMalformed,
        format!("the form cannot be read: {}", error.body_text()),
    )
}

/// Checks what a client says about a document.
fn check(state: &ApiState, description: &Description) -> Result<()> {
    let texts = [
        ("title", &description.title, MAX_TITLE_CHARACTERS),
        ("source", &description.source, MAX_SOURCE_CHARACTERS),
        ("file_type", &description.file_type, MAX_TYPE_CHARACTERS),
    ];
    for (name, text, limit) in texts {
        let Some(text) = text else { continue };
        let characters = text.chars().count();
        if text.trim().is_empty() {
            return Err(ApiError::invalid(name, format!("`{name}` is empty")));
        }
        if characters > limit {
            return Err(ApiError::invalid(
                name,
                format!("`{name}` has {characters} characters, the limit is {limit}"),
            ));
        }
        if text.contains('\0') {
            return Err(ApiError::invalid(
                name,
                format!("`{name}` holds a NUL character"),
            ));
        }
    }
    let Some(metadata) = &description.metadata else {
        return Ok(());
    };
    if !metadata.is_object() {
        return Err(ApiError::invalid(
            "metadata",
            "`metadata` must be a JSON object",
        ));
    }
    let (bytes, limit) = (
        metadata.to_string().len() as u64,
        state.config.api.max_field_size.as_u64(),
    );
    if bytes > limit {
        return Err(ApiError::invalid(
            "metadata",
            format!("`metadata` has {bytes} bytes, the limit (`api.max_field_size`) is {limit}"),
        ));
    }
    Ok(())
}

/// Hands a stored document to the pipeline.
async fn accept(state: &ApiState, description: Description, stored: Stored) -> Result<Response> {
    check(state, &description)?;
    let title = description
        .title
        .or_else(|| {
            description
                .source
                .as_deref()
                .map(|source| file_name(source).to_owned())
        })
        .filter(|title| !title.is_empty())
        .unwrap_or_else(|| "Untitled".to_owned());
    let submitted = state
        .services
        .submit_document(Submission {
            tenant: TENANT.to_owned(),
            source: description.source,
            title,
            declared_type: description.file_type,
            blob: stored.blob,
            size_bytes: stored.size_bytes,
            metadata: description
                .metadata
                .unwrap_or_else(|| Value::Object(serde_json::Map::new())),
            priority: description.priority.unwrap_or_default(),
        })
        .await?;
    let document = state
        .services
        .store
        .get_document(submitted.document)
        .await?;
    let view = AcceptedView {
        document_id: submitted.document,
        version_id: submitted.version,
        job_id: submitted.job,
        result: submitted.kind,
        // Deleted again in the meantime: it was accepted, and that is what this answer says.
        status: document.map_or(DocumentStatus::Deleting, |document| document.status),
    };
    let code = match submitted.kind {
        AcceptedKind::Created | AcceptedKind::NewVersion => StatusCode::CREATED,
        AcceptedKind::Unchanged => StatusCode::OK,
    };
    let location = format!("/api/documents/{}", submitted.document);
    let location = HeaderValue::try_from(location).expect("a UUID is visible ASCII");
    Ok((code, [(header::LOCATION, location)], axum::Json(view)).into_response())
}

pub(crate) fn router() -> Router<ApiState> {
    Router::new()
        .route("/api/documents", post(create_document))
        .route("/api/documents/{id}", put(replace_document))
        // Bodies are bounded by `api.max_document_size` as they stream.
        .layer(axum::extract::DefaultBodyLimit::disable())
}
