//! The pump of one queue: fetches for free slots, stores ends in batches, and keeps at both until the broker answers.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    ack::Ended, backoff::Failures, exchange::Exchanges, inflight::Inflight, liveness::Liveness,
    observer::Observer,
};
use crate::{
    Broker, JobContext, Outcome, WorkerId,
    broker::{AttemptEnd, FetchRequest, Finished, Lease, LeaseRef, QueueSlots},
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
        let mut exchanges = Exchanges::default();
        // Jobs that were fetched and have not ended, as far as the pump knows.
        let mut running = 0;
        let mut look = true;
        self.liveness.fetched(&self.queue, self.slots, self.slots);
        loop {
            while ends.len() < MAX_ENDS
                && let Ok(ended) = self.ends.try_recv()
            {
                running -= 1;
                ends.push(ended);
            }
            if ends
                .iter()
                .any(|ended| Some(ended.job.lease()) == self.suspect)
            {
                self.suspect = None;
            }
            if ends.is_empty()
                && exchanges.is_empty()
                && let Some(job) = self.held_back.take()
            {
                running += 1;
                running -= self.begin(job, &mut ends).await;
            }
            let stopping = self.shutdown.is_cancelled() || self.jobs.is_closed();
            if stopping && running == 0 && ends.is_empty() && exchanges.is_empty() {
                return pumped;
            }
            let free = match self.suspect {
                Some(_) => 0,
                None => self.slots - running - exchanges.asked,
            };
            let request = (!stopping && free > 0).then(|| self.request(free));
            let worthwhile = !ends.is_empty() || (look && request.is_some());
            if worthwhile && exchanges.take_another(ends.len(), self.slots) {
                look = false;
                exchanges.begin(&self.broker, std::mem::take(&mut ends), request);
                continue;
            }
            let queues = [self.queue.clone()];
            let may_wait = request.is_some() && exchanges.is_empty();
            tokio::select! {
                Some(done) = exchanges.next() => match done.result {
                    Ok((answers, leases)) => {
                        failures.succeeded();
                        self.note_stored(&mut pumped, done.ends.into_iter(), &answers);
                        running += leases.len();
                        // A full answer means that there may be more.
                        look |= done.asked > 0 && leases.len() == done.asked;
                        running -= self.start(leases, &mut ends).await;
                        if done.asked > 0 || running == self.slots {
                            let free = match self.suspect {
                                Some(_) => 0,
                                None => self.slots - running,
                            };
                            self.liveness.fetched(&self.queue, self.slots, free);
                        }
                    }
                    Err(error) => {
                        self.observer.broker_failed("finish");
                        // Nobody knows what was stored; asking again tells.
                        ends.splice(0..0, done.ends);
                        look = true;
                        tokio::time::sleep(failures.failed(&error)).await;
                    }
                },
                Some(ended) = self.ends.recv(), if running > 0 => {
                    running -= 1;
                    ends.push(ended);
                }
                () = self.shutdown.cancelled(), if !stopping => {}
                () = self.broker.wait_ready(&queues, self.broker.idle_poll()), if may_wait => look = true,
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

    /// Begins jobs, or holds a suspect back and gives the others back at once, those of another exchange too: the suspect may
    /// end this process the moment it begins, and what is still leased then is charged. Returns how many did not begin.
    async fn start(&mut self, leases: Vec<Lease>, ends: &mut Vec<Ended>) -> usize {
        let beside = self.suspect.is_some();
        let suspect = leases
            .iter()
            .position(|lease| lease.job.crashes >= SUSPECT_CRASHES);
        let mut not_begun = 0;
        for (place, lease) in leases.into_iter().enumerate() {
            let job = JobContext::new(lease.job, CancellationToken::new(), self.shutdown.clone());
            self.inflight.add(&job);
            match suspect {
                _ if beside => {}
                None => {
                    not_begun += self.begin(job, ends).await;
                    continue;
                }
                Some(suspect) if suspect == place => {
                    self.suspect = Some(job.lease());
                    self.held_back = Some(job);
                    not_begun += 1;
                    continue;
                }
                Some(_) => {}
            }
            ends.push(released(job));
            not_begun += 1;
        }
        not_begun
    }

    /// Hands a job to apalis; after the shutdown it goes back at once instead. Returns 1 for a job that did not begin.
    async fn begin(&self, job: JobContext, ends: &mut Vec<Ended>) -> usize {
        if self.shutdown.is_cancelled() {
            ends.push(released(job));
            return 1;
        }
        // There is room for every slot, so this waits only where the worker has gone.
        match self.jobs.send(job).await {
            Ok(()) => 0,
            Err(refused) => {
                ends.push(released(refused.0));
                1
            }
        }
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
