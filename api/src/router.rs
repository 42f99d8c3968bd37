//! The whole surface, and what every request passes through.

use std::{any::Any, time::Instant};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{Method, Uri},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    trace::{DefaultOnResponse, TraceLayer},
};
use tracing::Level;

use crate::{
    ApiState,
    error::{ApiError, Code, internal},
    routes,
};

/// Builds the service. `cut_off` ends open requests with an error.
pub(crate) fn router(state: ApiState, cut_off: CancellationToken) -> Router {
    let timed = Router::new()
        .merge(routes::documents::router())
        .merge(routes::jobs::router())
        .merge(routes::submit::router())
        .merge(routes::operations::router())
        .merge(routes::schedules::router())
        .merge(routes::queues::router())
        .merge(routes::query::router())
        .merge(routes::graph::router())
        .merge(routes::stats::router())
        .merge(routes::health::router())
        .merge(routes::metrics::router())
        .layer(middleware::from_fn_with_state(state.clone(), limit_time));

    let around = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(request_span)
                // Clients poll: what they asked is in the metrics, and in the log of who wants to see it.
                .on_response(DefaultOnResponse::new().level(Level::DEBUG)),
        )
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(middleware::from_fn_with_state(state.clone(), measure))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(cut_off, end_at_shutdown));

    Router::new()
        .merge(timed)
        .merge(routes::uploads::router())
        .merge(routes::transfer::router())
        .merge(routes::events::router())
        .fallback(route_not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(around)
        .with_state(state)
}

/// One span a request. The query string stays out: it may hold what a user wrote.
fn request_span(request: &Request) -> tracing::Span {
    let request_id = request
        .extensions()
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok())
        .unwrap_or_default();
    tracing::info_span!(
        "http.request",
        http.method = %request.method(),
        http.path = request.uri().path(),
        http.request_id = request_id,
    )
}

/// Counts requests and their time under the route's pattern, so that ids do not become labels.
async fn measure(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let endpoint = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let endpoint = endpoint.as_ref().map_or("unmatched", MatchedPath::as_str);
    state.metrics.observe_request(
        known_method(&method),
        endpoint,
        response.status(),
        started.elapsed(),
    );
    response
}

/// Keeps made-up methods from becoming labels.
fn known_method(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    }
}

async fn limit_time(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let limit = state.config.api.request_timeout;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(
            Code::RequestTimeout,
            format!(
                "the request took longer than {} s, the limit (`api.request_timeout`); ask for less, or try again later",
                limit.as_secs_f64()
            ),
        )
        .into_response(),
    }
}

async fn end_at_shutdown(
    State(cut_off): State<CancellationToken>,
    request: Request,
    next: Next,
) -> Response {
    tokio::select! {
        response = next.run(request) => response,
        () = cut_off.cancelled() => ApiError::new(
            Code::ShuttingDown,
            "the server is shutting down and could not finish the request; try again in some seconds",
        )
        .into_response(),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands the panic's value over"
)]
fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let message = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    internal(&format_args!("a handler panicked: {message}")).into_response()
}

async fn route_not_found(uri: Uri) -> ApiError {
    ApiError::new(
        Code::RouteNotFound,
        format!(
            "there is nothing at `{}`; docs/http-api.md lists the routes",
            uri.path()
        ),
    )
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    ApiError::new(
        Code::MethodNotAllowed,
        format!(
            "`{}` does not take {method}; the header `Allow` lists what it takes",
            uri.path()
        ),
    )
}
