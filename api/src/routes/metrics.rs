//! The Prometheus page.

use axum::{
    Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{
    ApiState,
    error::{Result, internal},
};

async fn metrics(State(state): State<ApiState>) -> Result<Response> {
    let served = state.config.worker.served_queues().map(|(queue, _)| queue);
    let text = state
        .metrics
        .scrape(&*state.services.broker, served)
        .await
        .map_err(|error| internal(&error))?;
    let content_type = [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)];
    Ok((content_type, text).into_response())
}

pub(crate) fn router() -> Router<ApiState> {
    Router::new().route("/metrics", get(metrics))
}
