//! Our layers inside an apalis worker: the span that every log line of a job carries, and panics as values.

use std::{
    any::Any,
    fmt,
    task::{Context, Poll},
};

use apalis_core::task::Task;
use tower::{Layer, Service};
use tracing::{Instrument, instrument::Instrumented};

use crate::JobContext;

/// Opens a span around each attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpanLayer;

impl<S> Layer<S> for SpanLayer {
    type Service = SpanService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SpanService { inner }
    }
}

#[derive(Debug, Clone)]
pub(super) struct SpanService<S> {
    inner: S,
}

impl<S: Service<Task<JobContext>>> Service<Task<JobContext>> for SpanService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Instrumented<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, task: Task<JobContext>) -> Self::Future {
        let record = task.args.record();
        let span = tracing::info_span!(
            "job",
            job.id = %record.id(),
            job.kind = record.spec.kind,
            queue.name = record.spec.queue,
            attempt = record.attempt,
            traceparent = record.spec.traceparent,
        );
        let entered = span.enter();
        let future = self.inner.call(task);
        drop(entered);
        future.instrument(span)
    }
}

/// A handler's panic, caught.
#[derive(Debug)]
pub(super) struct HandlerPanic(pub(super) String);

impl fmt::Display for HandlerPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the handler panicked: {}", self.0)
    }
}

impl std::error::Error for HandlerPanic {}

/// The longest panic message that is kept, characters.
const MAX_MESSAGE_CHARS: usize = 300;

/// Reads the message of a panic.
pub(super) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    message.chars().take(MAX_MESSAGE_CHARS).collect()
}
