//! What happens to jobs, as it happens: server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
    routing::get,
};
use futures::{Stream, StreamExt};
use graphmill_queue::{JobId, broker::JobEvent, event_stream::EventStream};
use serde::Deserialize;

use crate::{
    ApiState,
    error::{ApiError, Result},
    extract::Query,
};

/// How often a silent stream says that it lives: below the patience of proxies.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventParameters {
    /// Begin behind this event; without it, with what comes next.
    after: Option<u64>,
    /// Only of this job.
    job: Option<String>,
    /// Only of this queue.
    queue: Option<String>,
}

async fn follow(
    State(state): State<ApiState>,
    headers: HeaderMap,
    Query(parameters): Query<EventParameters>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let broker = state.services.broker.clone();
    // A browser that reconnects says what it saw last.
    let seen = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let after = seen.or(parameters.after);
    // Without a place to begin at, with what happens from now on.
    let since = after.is_none().then(|| state.services.clock.now());
    let job = parameters.job.map(|id| id.parse::<JobId>()).transpose();
    let job = job.map_err(|_| ApiError::invalid("job", "`job` is no id of a job"))?;
    let queue = parameters.queue;
    let is_meant = move |event: &JobEvent| {
        since.is_none_or(|since| event.at >= since)
            && job.is_none_or(|job| job == event.job_id)
            && queue.as_ref().is_none_or(|queue| *queue == event.queue)
    };
    let events = EventStream::after(broker, after.unwrap_or(0))
        .filter(move |event| std::future::ready(is_meant(event)))
        .map(|event| {
            let data = serde_json::to_string(&event).unwrap_or_default();
            Ok(Event::default()
                .id(event.seq.to_string())
                .event("job")
                .data(data))
        });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

pub(crate) fn router() -> Router<ApiState> {
    Router::new().route("/api/events", get(follow))
}
