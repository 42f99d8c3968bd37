//! What a client is told when something is wrong: RFC 9457 `application/problem+json` with a stable code.
//!
//! [`Code`] is the one table code → status → title; `docs/errors.md` has a row for each, and a test compares the two.
//! Text of the database or of a failed computation never reaches a client: it is logged here, once, and the client gets
//! the code with a sentence of ours.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use graphmill_pipeline::intake::IntakeError;
use serde::Serialize;

/// The result of a handler.
pub(crate) type Result<T, E = ApiError> = std::result::Result<T, E>;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:ident, $title:literal;)+) => {
        /// A stable error code of the HTTP API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Returns the dotted name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// Returns the status it is sent with.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// Returns what it says in general; a problem's `detail` says it of the case.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

codes! {
    /// Cannot be read: JSON, multipart or a body that breaks off.
    RequestMalformed = "request.malformed", BAD_REQUEST, "the request cannot be read";
    /// Can be read, but a value is not allowed.
    RequestInvalid = "request.invalid", UNPROCESSABLE_ENTITY, "a value of the request is not allowed";
    /// A body in a form that the route does not take.
    UnsupportedMediaType = "request.unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "the body has a type that is not taken here";
    /// A JSON body over its limit.
    RequestTooLarge = "request.too_large", PAYLOAD_TOO_LARGE, "the request is too large";
    /// Took longer than its limit.
    RequestTimeout = "request.timeout", SERVICE_UNAVAILABLE, "the request took too long";
    /// No such path.
    RouteNotFound = "route.not_found", NOT_FOUND, "there is nothing at this path";
    /// The path has other methods.
    MethodNotAllowed = "method.not_allowed", METHOD_NOT_ALLOWED, "the path does not take this method";
    /// No such document.
    DocumentNotFound = "document.not_found", NOT_FOUND, "there is no such document";
    /// More bytes than a document may have.
    DocumentTooLarge = "document.too_large", PAYLOAD_TOO_LARGE, "the document is too large";
    /// A retry of what has not failed.
    DocumentNotFailed = "document.not_failed", CONFLICT, "nothing of the document has failed";
    /// It is being removed.
    DocumentDeleting = "document.deleting", CONFLICT, "the document is being deleted";
    /// No such job.
    JobNotFound = "job.not_found", NOT_FOUND, "there is no such job";
    /// The job's state does not allow it.
    JobConflict = "job.conflict", CONFLICT, "the job's state does not allow this";
    /// No such queue.
    QueueNotFound = "queue.not_found", NOT_FOUND, "there is no such queue";
    /// No such schedule.
    ScheduleNotFound = "schedule.not_found", NOT_FOUND, "there is no such schedule";
    /// Too many jobs wait.
    QueueFull = "queue.full", SERVICE_UNAVAILABLE, "too many jobs wait";
    /// The broker does not answer.
    QueueUnavailable = "queue.unavailable", SERVICE_UNAVAILABLE, "the job store does not answer";
    /// The store does not answer.
    StoreUnavailable = "store.unavailable", SERVICE_UNAVAILABLE, "the store does not answer";
    /// The device is full.
    StoreFull = "store.full", INSUFFICIENT_STORAGE, "no space is left";
    /// Stored data cannot be read.
    StoreCorrupt = "store.corrupt", INTERNAL_SERVER_ERROR, "stored data is damaged";
    /// The question is too long.
    QueryTooLong = "query.too_long", UNPROCESSABLE_ENTITY, "the query is too long";
    /// The server is going down.
    ShuttingDown = "server.shutting_down", SERVICE_UNAVAILABLE, "the server is shutting down";
    /// A fault of the server.
    Internal = "server.internal", INTERNAL_SERVER_ERROR, "the server has a fault";
}

/// An error as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    code: Code,
    detail: String,
    field: Option<String>,
}

/// The body of an error.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl ApiError {
    /// Builds an error from its code and a sentence that names the thing and what would be right.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            field: None,
        }
    }

    /// Builds `request.invalid` for a field or parameter.
    pub(crate) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code: Code::RequestInvalid,
            detail: detail.into(),
            field: Some(field.into()),
        }
    }

    /// Says which field of a form holds what the error is about.
    pub(crate) fn of_field(self, field: &str) -> Self {
        Self {
            code: Code::RequestInvalid,
            detail: format!("`{field}`: {}", self.detail),
            field: Some(field.to_owned()),
        }
    }

    /// Builds an error without a cause of its own worth telling, and logs what it was.
    pub(crate) fn hidden(code: Code, detail: &str, cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(error.code = code.as_str(), error.cause = %cause, "a request failed");
        Self::new(code, detail)
    }

    /// Says when to try again, for errors that pass.
    fn retry_after(&self) -> Option<Duration> {
        match self.code {
            Code::QueueFull => Some(Duration::from_secs(30)),
            Code::QueueUnavailable
            | Code::StoreUnavailable
            | Code::RequestTimeout
            | Code::ShuttingDown => Some(Duration::from_secs(5)),
            _ => None,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = Problem {
            r#type: format!("https://graphmill.dev/errors/{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code.as_str(),
            detail: &self.detail,
            field: self.field.as_deref(),
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let content_type = HeaderValue::from_static("application/problem+json");
        let mut response = (
            self.code.status(),
            [(header::CONTENT_TYPE, content_type)],
            body,
        )
            .into_response();
        if let Some(after) = self.retry_after() {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs()));
        }
        response
    }
}

impl From<graphmill_store::Error> for ApiError {
    fn from(error: graphmill_store::Error) -> Self {
        use graphmill_store::Error as E;
        match error {
            E::Unavailable(_) => Self::hidden(
                Code::StoreUnavailable,
                "the store does not answer; try again in some seconds",
                &error,
            ),
            E::Full(_) => Self::hidden(
                Code::StoreFull,
                "no space is left where the store keeps its data; free some and try again",
                &error,
            ),
            E::Corrupt(_) | E::BlobDamaged(_) => Self::hidden(
                Code::StoreCorrupt,
                "stored data is damaged; the server's log says which",
                &error,
            ),
            E::Superseded => Self::new(
                Code::DocumentDeleting,
                "the document is being deleted; hand it in again when it is gone",
            ),
            E::NotFound {
                what: "document",
                id,
            } => document_not_found(&id),
            E::Invalid(message) => Self::new(Code::RequestInvalid, message),
            _ => internal(&error),
        }
    }
}

impl From<graphmill_queue::Error> for ApiError {
    fn from(error: graphmill_queue::Error) -> Self {
        use graphmill_queue::Error as E;
        match error {
            E::Unavailable(_) => Self::hidden(
                Code::QueueUnavailable,
                "the job store does not answer; try again in some seconds",
                &error,
            ),
            E::Corrupt(_) => Self::hidden(
                Code::StoreCorrupt,
                "a stored job is damaged; the server's log says which",
                &error,
            ),
            E::NotFound(_) => Self::new(Code::JobNotFound, error.to_string()),
            E::Conflict { .. } => Self::new(Code::JobConflict, error.to_string()),
            E::Invalid(message) => Self::new(Code::RequestInvalid, message),
            _ => internal(&error),
        }
    }
}

impl From<IntakeError> for ApiError {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Store(error) => error.into(),
            IntakeError::Queue(error) => error.into(),
            IntakeError::QueueFull { .. } => Self::new(Code::QueueFull, error.to_string()),
            IntakeError::BlobMissing(_) => Self::hidden(
                Code::StoreUnavailable,
                "the document's bytes went before it was accepted; send it again",
                &error,
            ),
            IntakeError::NotFound(id) => document_not_found(&id.to_string()),
            IntakeError::NotFailed(_) => Self::new(Code::DocumentNotFailed, error.to_string()),
            _ => internal(&error),
        }
    }
}

impl From<graphmill_retrieval::Error> for ApiError {
    fn from(error: graphmill_retrieval::Error) -> Self {
        use graphmill_retrieval::Error as E;
        match error {
            E::Empty => Self::invalid("query", error.to_string()),
            E::Limit { .. } => Self::invalid("limit", error.to_string()),
            E::TooLong { .. } => Self {
                code: Code::QueryTooLong,
                detail: error.to_string(),
                field: Some("query".to_owned()),
            },
            E::Store(error) => error.into(),
            _ => internal(&error),
        }
    }
}

/// Builds `document.not_found`.
pub(crate) fn document_not_found(id: &str) -> ApiError {
    ApiError::new(
        Code::DocumentNotFound,
        format!("document `{id}` does not exist"),
    )
}

/// Builds the error for a fault of ours, and logs it.
pub(crate) fn internal(cause: &dyn std::fmt::Display) -> ApiError {
    ApiError::hidden(
        Code::Internal,
        "the server could not answer because of a fault of its own; its log says more",
        cause,
    )
}
