//! What a worker process answers to whoever watches it: whether it makes progress, whether it can do its work now, and
//! its metrics. A process that also runs the API leaves this to the API.
//!
//! Progress is what counts, not a ping: a queue with free slots from which nothing was fetched for long is stalled,
//! whatever its broker says.

use std::{future::Future, io, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use graphmill_pipeline::Services;
use graphmill_queue::runtime::Liveness;
use graphmill_store::DocumentId;
use prometheus::{Registry, TextEncoder};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::STALLED_AFTER;

/// What the answers are made from. Cheap to clone.
#[derive(Clone)]
pub struct Health {
    pub(crate) liveness: Liveness,
    pub(crate) services: Services,
    pub(crate) registry: Registry,
    /// How long the store and the broker each have to answer.
    pub(crate) ready_timeout: Duration,
}

/// Answers until `ended` fires. From `stopping` on the process is not ready: it finishes what it has.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    health: Health,
    stopping: CancellationToken,
    ended: CancellationToken,
) -> io::Result<()> {
    let router = Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::new((health, stopping)));
    // A watcher that keeps its connection open does not keep the process.
    let serving = axum::serve(listener, router).into_future();
    ended.run_until_cancelled(serving).await.unwrap_or(Ok(()))
}

type Shared = State<Arc<(Health, CancellationToken)>>;

async fn live(State(shared): Shared) -> (StatusCode, Json<Value>) {
    match progress(&shared.0.liveness) {
        Ok(()) => (StatusCode::OK, Json(json!({ "status": "live" }))),
        Err(reason) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({ "status": "not_live", "reason": reason })),
        ),
    }
}

/// Says which queues are not fetched from, if any.
///
/// # Errors
/// A sentence that names them.
pub fn progress(liveness: &Liveness) -> Result<(), String> {
    match liveness.stalled(STALLED_AFTER).as_slice() {
        [] => Ok(()),
        queues => Err(format!(
            "no job was fetched for a while from: {}",
            queues.join(", ")
        )),
    }
}

async fn ready(State(shared): Shared) -> (StatusCode, Json<Value>) {
    let (health, stopping) = &*shared;
    let limit = health.ready_timeout;
    // Nothing has the nil id: looking it up costs one read and proves that reads are answered.
    let no_document = DocumentId::from(uuid::Uuid::nil());
    let (store, broker) = tokio::join!(
        check(
            "store",
            limit,
            health.services.store.get_document(no_document)
        ),
        check("broker", limit, health.services.broker.ping()),
    );
    let queues = if stopping.is_cancelled() {
        Err("the process is stopping".to_owned())
    } else if health.liveness.snapshot().is_empty() {
        Err("no queue is served yet".to_owned())
    } else {
        progress(&health.liveness)
    };
    let all_ok = [&store, &broker, &queues].into_iter().all(Result::is_ok);
    let (code, status) = if all_ok {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    };
    let word = |check: Result<(), String>| check.err().unwrap_or_else(|| "ok".to_owned());
    let checks = json!({ "store": word(store), "broker": word(broker), "queues": word(queues) });
    (code, Json(json!({ "status": status, "checks": checks })))
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
            Err("failed; the worker's log says why".to_owned())
        }
        Err(_) => Err(format!("no answer within {} s", limit.as_secs_f64())),
    }
}

async fn metrics(State(shared): Shared) -> Response {
    match TextEncoder::new().encode_to_string(&shared.0.registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
