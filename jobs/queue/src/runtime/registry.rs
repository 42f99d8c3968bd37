//! Which handler runs which kind.

use std::{
    collections::BTreeMap,
    sync::Arc,
    task::{Context, Poll},
};

use apalis_core::task::Task;
use futures::future::BoxFuture;
use tower::Service;

use crate::{Job, JobContext, broker::AttemptEnd, job::ErrorClass, outcome::JobError};

/// The longest message of a payload error that is kept, characters.
const MAX_MESSAGE_CHARS: usize = 300;

type Run<C> = Arc<dyn Fn(&C, JobContext) -> BoxFuture<'static, AttemptEnd> + Send + Sync>;

/// Kinds with their handlers.
pub(super) struct Registry<C> {
    kinds: BTreeMap<&'static str, Handler<C>>,
}

struct Handler<C> {
    schema_version: u32,
    run: Run<C>,
}

impl<C> Default for Registry<C> {
    fn default() -> Self {
        Self {
            kinds: BTreeMap::new(),
        }
    }
}

impl<C: 'static> Registry<C> {
    /// Adds a kind. Returns `false` where the kind is there already.
    pub(super) fn add<J: Job>(
        &mut self,
        context: impl Fn(&C) -> J::Context + Send + Sync + 'static,
    ) -> bool {
        let run: Run<C> = Arc::new(move |shared, job| {
            let context = context(shared);
            let payload: Result<J, _> = serde::Deserialize::deserialize(&job.record().spec.payload);
            Box::pin(async move {
                match payload {
                    Ok(payload) => AttemptEnd::Outcome(payload.run(context, job).await),
                    Err(error) => unreadable(&error),
                }
            })
        });
        let handler = Handler {
            schema_version: J::SCHEMA_VERSION,
            run,
        };
        self.kinds.insert(J::KIND, handler).is_none()
    }

    /// Returns what a fetch may ask for.
    pub(super) fn kinds(&self) -> Vec<(String, u32)> {
        self.kinds
            .iter()
            .map(|(kind, handler)| ((*kind).to_owned(), handler.schema_version))
            .collect()
    }
}

fn unreadable(error: &serde_json::Error) -> AttemptEnd {
    let message: String = error.to_string().chars().take(MAX_MESSAGE_CHARS).collect();
    AttemptEnd::Failed {
        class: ErrorClass::Rejected,
        error: JobError::new("job.payload_unreadable", message),
    }
}

/// The innermost service: looks the handler up and runs it.
pub(super) struct HandlerService<C> {
    registry: Arc<Registry<C>>,
    context: C,
}

impl<C> HandlerService<C> {
    pub(super) fn new(registry: Arc<Registry<C>>, context: C) -> Self {
        Self { registry, context }
    }
}

impl<C: 'static> Service<Task<JobContext>> for HandlerService<C> {
    type Response = AttemptEnd;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<'static, Result<AttemptEnd, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<JobContext>) -> Self::Future {
        let (job, _) = task.take();
        let kind = &job.record().spec.kind;
        match self.registry.kinds.get(kind.as_str()) {
            Some(handler) => {
                let run = (handler.run)(&self.context, job);
                Box::pin(async { Ok(run.await) })
            }
            // Fetch asks for known kinds only; a broker that gives another must not lose the job for it.
            None => Box::pin(async { Ok(AttemptEnd::Outcome(crate::Outcome::Released)) }),
        }
    }
}
