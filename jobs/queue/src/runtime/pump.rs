//! The pump of one queue: fetches for free slots, stores ends in batches, and keeps at both until the broker answers.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    ack::Ended, backoff::Failures, inflight::Inflight, liveness::Liveness, observer::Observer,
};
use crate::{
    Broker, JobContext, Outcome, WorkerId,
    broker::{AttemptEnd, FetchRequest, Finish, Finished, Lease, LeaseRef, QueueSlots},
    job::ErrorClass,
};

/// Ends stored in one call.
const MAX_ENDS: usize = 256;
/// A job that has lost so many leases is suspected of killing its workers. It runs alone: a worker begins one such job at
/// a time, when it has given back everything that was fetched with it, and fetches nothing beside it. Its next victims are
/// none, or those that ran already.
const SUSPECT_CRASHES: u32 = 2;

/// What a pump works with.
pub(super) struct Pump {
    pub(super) broker: Arc<dyn Broker>,
    pub(super) worker: WorkerId,
    pub(super) queue: String,
    pub(super) slots: usize,
    pub(super) kinds: Vec<(String, u32)>,
    pub(super) lease: Duration,
    pub(super) jobs: mpsc::Sender<JobContext>,
    pub(super) ends: mpsc::Receiver<Ended>,
    pub(super) inflight: Inflight,
    pub(super) liveness: Liveness,
    pub(super) observer: Arc<dyn Observer>,
    /// Fires when no more jobs are to be fetched; handlers get it as their shutdown token.
    pub(super) shutdown: CancellationToken,
    /// The suspect that runs, or will.
    pub(super) suspect: Option<LeaseRef>,
    /// The suspect, until what was fetched with it is given back.
    pub(super) held_back: Option<JobContext>,
}

/// What a pump did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pumped {
    pub(super) finished: u64,
    pub(super) released: u64,
    pub(super) refused: u64,
}

impl Pump {
    /// Runs until the shutdown has fired, or the apalis worker has gone, and every end is stored.
    pub(super) async fn run(mut self) -> Pumped {
        let mut pumped = Pumped::default();
        let mut failures = Failures::of("pump");
        let mut ends: Vec<Ended> = Vec::new();
        // Jobs fetched whose end is not stored.
        let mut held = 0;
        let mut look = true;
        self.liveness.fetched(&self.queue, self.slots, self.slots);
        loop {
            while ends.len() < MAX_ENDS
                && let Ok(ended) = self.ends.try_recv()
            {
                ends.push(ended);
            }
            if ends
                .iter()
                .any(|ended| Some(ended.job.lease()) == self.suspect)
            {
                self.suspect = None;
            }
            if ends.is_empty()
                && let Some(job) = self.held_back.take()
            {
                ends.extend(self.begin(job).await);
            }
            let stopping = self.shutdown.is_cancelled() || self.jobs.is_closed();
            if stopping && held == 0 {
                return pumped;
            }
            let free = match self.suspect {
                Some(_) => 0,
                None => self.slots - (held - ends.len()),
            };
            let request = (!stopping && free > 0).then(|| self.request(free));
            if !ends.is_empty() || (look && request.is_some()) {
                match self.exchange(&ends, request.as_ref()).await {
                    Ok((answers, leases)) => {
                        failures.succeeded();
                        held -= ends.len();
                        self.note_stored(&mut pumped, ends.drain(..), &answers);
                        held += leases.len();
                        // A full answer means that there may be more.
                        look = request.is_some() && leases.len() == free;
                        self.start(leases, &mut ends).await;
                        if request.is_some() || held == self.slots {
                            let free = match self.suspect {
                                Some(_) => 0,
                                None => self.slots - held,
                            };
                            self.liveness.fetched(&self.queue, self.slots, free);
                        }
                    }
                    Err(error) => {
                        self.observer.broker_failed("finish");
                        tokio::time::sleep(failures.failed(&error)).await;
                    }
                }
                continue;
            }
            let queues = [self.queue.clone()];
            tokio::select! {
                Some(ended) = self.ends.recv(), if held > 0 => ends.push(ended),
                () = self.shutdown.cancelled(), if !stopping => {}
                () = self.broker.wait_ready(&queues, self.broker.idle_poll()), if request.is_some() => look = true,
            }
        }
    }

    fn request(&self, free: usize) -> FetchRequest {
        FetchRequest {
            worker: self.worker.clone(),
            slots: vec![QueueSlots {
                queue: self.queue.clone(),
                free,
            }],
            kinds: self.kinds.clone(),
            lease: self.lease,
        }
    }

    async fn exchange(
        &self,
        ends: &[Ended],
        request: Option<&FetchRequest>,
    ) -> crate::Result<(Vec<Finished>, Vec<Lease>)> {
        match request {
            Some(request) if ends.is_empty() => Ok((Vec::new(), self.broker.fetch(request).await?)),
            _ => {
                let finishes: Vec<_> = ends.iter().map(finish).collect();
                self.broker.finish(&finishes, request).await
            }
        }
    }

    /// Begins jobs, or holds a suspect back and gives the others back at once. The suspect may end this process the moment
    /// it begins, and what is still leased then is charged.
    async fn start(&mut self, leases: Vec<Lease>, ends: &mut Vec<Ended>) {
        let suspect = leases
            .iter()
            .position(|lease| lease.job.crashes >= SUSPECT_CRASHES);
        for (place, lease) in leases.into_iter().enumerate() {
            let job = JobContext::new(lease.job, CancellationToken::new(), self.shutdown.clone());
            self.inflight.add(&job);
            match suspect {
                None => ends.extend(self.begin(job).await),
                Some(suspect) if suspect == place => {
                    self.suspect = Some(job.lease());
                    self.held_back = Some(job);
                }
                Some(_) => ends.push(released(job)),
            }
        }
    }

    /// Hands a job to apalis; after the shutdown it goes back at once instead.
    async fn begin(&self, job: JobContext) -> Option<Ended> {
        if self.shutdown.is_cancelled() {
            return Some(released(job));
        }
        // There is room for every slot, so this waits only where the worker has gone.
        let refused = self.jobs.send(job).await.err();
        refused.map(|error| released(error.0))
    }

    fn note_stored(
        &self,
        pumped: &mut Pumped,
        ends: impl Iterator<Item = Ended>,
        answers: &[Finished],
    ) {
        for (ended, answer) in ends.zip(answers) {
            self.inflight.remove(ended.job.lease());
            let record = ended.job.record();
            let label = match answer {
                Finished::Stored(_) => label(&ended.end),
                Finished::Refused => "lost",
            };
            match (answer, &ended.end) {
                (Finished::Refused, _) => {
                    pumped.refused += 1;
                    tracing::warn!(
                        job.id = %record.id(),
                        job.kind = record.spec.kind,
                        epoch = record.epoch,
                        "the lease was lost before the end was stored; another attempt counts"
                    );
                }
                (_, AttemptEnd::Outcome(Outcome::Released)) => pumped.released += 1,
                _ => pumped.finished += 1,
            }
            let wait = record
                .started_at
                .map(|started_at| started_at.duration_since(record.run_at))
                .and_then(|wait| Duration::try_from(wait).ok())
                .unwrap_or_default();
            self.observer
                .job_finished(&self.queue, &record.spec.kind, label, wait, ended.run);
        }
    }
}

fn released(job: JobContext) -> Ended {
    Ended {
        job,
        end: AttemptEnd::Outcome(Outcome::Released),
        run: Duration::ZERO,
    }
}

fn finish(ended: &Ended) -> Finish {
    let (progress, checkpoint) = ended.job.reported();
    Finish {
        lease: ended.job.lease(),
        end: ended.end.clone(),
        checkpoint,
        progress,
    }
}

fn label(end: &AttemptEnd) -> &'static str {
    match end {
        AttemptEnd::Outcome(outcome) => outcome.label(),
        AttemptEnd::Failed { class, .. } => match class {
            ErrorClass::Retryable => "retry",
            ErrorClass::Permanent => "permanent",
            ErrorClass::Panic => "panic",
            ErrorClass::Timeout => "timeout",
            ErrorClass::Crash => "crash",
            ErrorClass::Rejected => "rejected",
            ErrorClass::Expired => "expired",
        },
    }
}
