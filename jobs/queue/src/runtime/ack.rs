//! The ack layer: runs each attempt as a task of its own, within its time limits, and reports how it ended.

use std::{
    convert::Infallible,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use apalis_core::{error::BoxDynError, task::Task};
use futures::future::BoxFuture;
use tokio::{sync::mpsc, task::JoinError};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tower::{Layer, Service};

use super::layers::{HandlerPanic, panic_message};
use crate::{
    JobContext, JobRecord, Outcome, broker::AttemptEnd, job::ErrorClass, outcome::JobError,
};

/// An ended attempt on its way to the pump.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) job: JobContext,
    pub(super) end: AttemptEnd,
    pub(super) run: Duration,
}

/// The outermost layer of a queue's apalis worker.
#[derive(Debug, Clone)]
pub struct AckLayer {
    pub(super) ends: mpsc::Sender<Ended>,
    /// How long a handler may go on after it was told to stop.
    pub(super) stop_grace: Duration,
    /// Fires when the worker's own grace is over: handlers are aborted and their jobs released.
    pub(super) abort: CancellationToken,
}

impl<S> Layer<S> for AckLayer {
    type Service = AckService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AckService {
            inner,
            layer: self.clone(),
        }
    }
}

/// See [`AckLayer`].
#[derive(Debug, Clone)]
pub struct AckService<S> {
    inner: S,
    layer: AckLayer,
}

impl<S> Service<Task<JobContext>> for AckService<S>
where
    S: Service<Task<JobContext>, Response = AttemptEnd>,
    S::Error: Into<BoxDynError> + Send,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<(), Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // A layer that is not ready for lack of a slot wakes us; one that fails would end the worker, and none can.
        self.inner.poll_ready(cx).map(|_| Ok(()))
    }

    fn call(&mut self, task: Task<JobContext>) -> Self::Future {
        let job = task.args.clone();
        let attempt = self.inner.call(task);
        let running = AbortOnDropHandle::new(tokio::spawn(async move {
            match attempt.await {
                Ok(end) => end,
                Err(error) => failed_end(&error.into()),
            }
        }));
        let layer = self.layer.clone();
        Box::pin(async move {
            let begun = Instant::now();
            let end = supervise(running, &job, &layer).await;
            let run = begun.elapsed();
            // The pump outlives its jobs; where it does not, the process is going down and the lease runs out.
            drop(layer.ends.send(Ended { job, end, run }).await);
            Ok(())
        })
    }
}

/// A handler's task. It ends with whoever watches it: a worker that is dropped leaves none behind.
type Running = AbortOnDropHandle<AttemptEnd>;

/// Why a handler was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Cancel request or lost lease; the keeper has fired the token.
    Cancelled,
    TimedOut,
    DeadlinePassed,
}

/// Waits for the end of an attempt, or brings it about: first by the token, then by abort.
async fn supervise(mut running: Running, job: &JobContext, layer: &AckLayer) -> AttemptEnd {
    let (limit, at_limit) = time_limit(job.record());
    let stop = tokio::select! {
        biased;
        ended = &mut running => return joined(ended),
        () = layer.abort.cancelled() => return abort(&running, Outcome::Released),
        () = job.cancelled().cancelled() => Stop::Cancelled,
        () = tokio::time::sleep(limit) => at_limit,
    };
    job.cancelled().cancel();
    let ended = tokio::select! {
        biased;
        ended = &mut running => Some(joined(ended)),
        () = layer.abort.cancelled() => None,
        () = tokio::time::sleep(layer.stop_grace) => None,
    };
    if ended.is_none() {
        running.abort();
    }
    stopped_end(stop, ended)
}

/// Decides what a stopped attempt counts as. Work that was done all the same, or can never be, counts.
fn stopped_end(stop: Stop, ended: Option<AttemptEnd>) -> AttemptEnd {
    if let Some(AttemptEnd::Outcome(Outcome::Done(_) | Outcome::Permanent(_))) = &ended
        && let Some(end) = ended
    {
        return end;
    }
    let (class, error) = match stop {
        Stop::Cancelled => {
            return ended.unwrap_or(AttemptEnd::Outcome(Outcome::Cancelled));
        }
        Stop::TimedOut => (
            ErrorClass::Timeout,
            JobError::new("job.timed_out", "the attempt ran into its time limit"),
        ),
        Stop::DeadlinePassed => (
            ErrorClass::Expired,
            JobError::new("job.deadline_passed", "it was not done by its deadline"),
        ),
    };
    AttemptEnd::Failed { class, error }
}

/// Returns how long the attempt may run, and what it means when it does not end by then. The deadline counts from the
/// broker's clock, as does the instant the attempt began.
fn time_limit(record: &JobRecord) -> (Duration, Stop) {
    let until_deadline =
        record
            .spec
            .deadline
            .zip(record.started_at)
            .map(|(deadline, started_at)| {
                Duration::try_from(deadline.duration_since(started_at)).unwrap_or(Duration::ZERO)
            });
    match until_deadline {
        Some(left) if left < record.timeout() => (left, Stop::DeadlinePassed),
        _ => (record.timeout(), Stop::TimedOut),
    }
}

fn abort(running: &Running, outcome: Outcome) -> AttemptEnd {
    running.abort();
    AttemptEnd::Outcome(outcome)
}

fn joined(ended: Result<AttemptEnd, JoinError>) -> AttemptEnd {
    match ended {
        Ok(end) => end,
        // The catch-panic layer is inside; this is for panics of the layers themselves.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => panicked(&panic_message(&*panic)),
            // Only a runtime that shuts down aborts a task that nobody here has.
            Err(_) => AttemptEnd::Outcome(Outcome::Released),
        },
    }
}

fn failed_end(error: &BoxDynError) -> AttemptEnd {
    match error.downcast_ref::<HandlerPanic>() {
        Some(HandlerPanic(message)) => panicked(message),
        None => AttemptEnd::Outcome(Outcome::Retry(JobError::new(
            "job.layer_failed",
            error.to_string(),
        ))),
    }
}

fn panicked(message: &str) -> AttemptEnd {
    AttemptEnd::Failed {
        class: ErrorClass::Panic,
        error: JobError::new("job.panicked", message),
    }
}
