//! Whether the process makes progress, and whether it can do its work now.

use std::{future::Future, time::Duration};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use graphmill_store::{BlobHash, DocumentId};
use serde::Serialize;
use uuid::Uuid;

use crate::ApiState;

#[derive(Debug, Serialize)]
struct Live {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

async fn live(State(state): State<ApiState>) -> (StatusCode, axum::Json<Live>) {
    let reason = state
        .liveness
        .as_ref()
        .and_then(|liveness| liveness().err());
    let (code, status) = match reason {
        None => (StatusCode::OK, "live"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "not_live"),
    };
    (code, axum::Json(Live { status, reason }))
}

#[derive(Debug, Serialize)]
struct Ready {
    status: &'static str,
    checks: Checks,
}

/// `ok`, or what is wrong.
#[derive(Debug, Serialize)]
struct Checks {
    store: String,
    broker: String,
    blobs: String,
}

async fn ready(State(state): State<ApiState>) -> (StatusCode, axum::Json<Ready>) {
    let services = &state.services;
    // Nothing has the nil id or this hash: looking them up costs one read and proves that reads are answered.
    let no_document = DocumentId::from(Uuid::nil());
    let no_blob = BlobHash::of(b"readiness");
    let limit = state.config.api.ready_timeout;
    let (store, broker, blobs) = tokio::join!(
        check("store", limit, services.store.get_document(no_document)),
        check("broker", limit, services.broker.ping()),
        check("blobs", limit, services.blobs.exists(&no_blob)),
    );
    let all_ok = [&store, &broker, &blobs].into_iter().all(Result::is_ok);
    let (code, status) = if all_ok {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    };
    let word = |check: Result<(), String>| check.err().unwrap_or_else(|| "ok".to_owned());
    let checks = Checks {
        store: word(store),
        broker: word(broker),
        blobs: word(blobs),
    };
    (code, axum::Json(Ready { status, checks }))
}

/// Runs one check with a time limit. The cause goes to the log, not to whoever asks.
async fn check<T, E: std::fmt::Display>(
    part: &str,
    limit: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<(), String> {
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => {
            tracing::error!(check.part = part, %error, "a readiness check failed");
            Err("failed; the server's log says why".to_owned())
        }
        Err(_) => Err(format!("no answer within {} s", limit.as_secs_f64())),
    }
}

pub(crate) fn router() -> Router<ApiState> {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
}
