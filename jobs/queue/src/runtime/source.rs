//! The apalis side of a queue: a backend that yields what a pump has fetched, and never an error.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use apalis_core::{
    backend::{Backend, BackendConfig, finalize::Ephemeral},
    task::{Task, builder::TaskBuilder, task_id::TaskId},
    worker::context::WorkerContext,
};
use tokio::sync::mpsc;

use super::ack::AckLayer;
use crate::JobContext;

/// An [`apalis_core::backend::Backend`] over any [`crate::Broker`]: its pump does the talking.
#[derive(Debug, Clone)]
pub struct JobSource {
    /// apalis builds workers from a factory that may be called again, so the receiver is shared. One worker polls it.
    jobs: Arc<Mutex<mpsc::Receiver<JobContext>>>,
    ack: AckLayer,
}

impl JobSource {
    pub(super) fn new(jobs: mpsc::Receiver<JobContext>, ack: AckLayer) -> Self {
        Self {
            jobs: Arc::new(Mutex::new(jobs)),
            ack,
        }
    }
}

impl Backend for JobSource {
    type Task = Task<JobContext>;
    type Error = Infallible;

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, Self::Error>>> {
        let polled = self
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .poll_recv(cx);
        polled.map(|job| {
            let Some(job) = job else {
                // The pump has ended. apalis waits for a stop after the last task, so it is given here.
                if let Err(error) = worker.stop() {
                    tracing::debug!(error = %error, "worker was stopped already");
                }
                return None;
            };
            let record = job.record();
            let task = TaskBuilder::new(job.clone())
                .task_id(TaskId::from_string(record.id().to_string()))
                // apalis counts when it starts a task; the broker has counted this attempt already.
                .attempt(record.attempt.saturating_sub(1) as usize)
                .max_attempts(record.spec.max_attempts as usize)
                .build();
            Some(Ok(task))
        })
    }

    fn poll_close(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Self::Error>> {
        // The pump has stored every end before it closed the channel.
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for JobSource {
    type Args = JobContext;
    type Id = String;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = AckLayer;

    fn config(&self) -> &Self::Config {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Self::Layer {
        self.ack.clone()
    }
}
