//! Submits of single jobs, collected: what callers submit while a call is under way goes with the next one. Nobody waits
//! for company: a lone submit goes at once.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::{CHUNK, Shared};
use crate::{Error, NewJob, Result, broker::Verdict};

/// Submits that may wait for their turn; more callers than this wait to be let in.
const WAITING: usize = 4 * CHUNK;

struct Request {
    job: NewJob,
    payload: String,
    answer: oneshot::Sender<Result<Verdict>>,
}

/// The way in. The task behind it ends with the last clone.
#[derive(Clone)]
pub(super) struct Submitter {
    shared: Arc<Shared>,
    requests: Arc<tokio::sync::OnceCell<mpsc::Sender<Request>>>,
}

impl Submitter {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            requests: Arc::default(),
        }
    }

    /// Submits one job that depends on nothing.
    pub(super) async fn submit(&self, job: NewJob) -> Result<Verdict> {
        let payload = match self.shared.check(&job) {
            Ok(payload) => payload,
            Err(rejected) => return Ok(rejected),
        };
        let requests = self
            .requests
            .get_or_init(|| async {
                let (sender, receiver) = mpsc::channel(WAITING);
                tokio::spawn(run(Arc::clone(&self.shared), receiver));
                sender
            })
            .await;
        let (answer, answered) = oneshot::channel();
        let gone = || Error::Unavailable("the submitting task has ended".into());
        requests
            .send(Request {
                job,
                payload,
                answer,
            })
            .await
            .map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

async fn run(shared: Arc<Shared>, mut requests: mpsc::Receiver<Request>) {
    let mut batch = Vec::with_capacity(CHUNK);
    while requests.recv_many(&mut batch, CHUNK).await > 0 {
        let mut by_queue: BTreeMap<String, Vec<Request>> = BTreeMap::new();
        for request in batch.drain(..) {
            match by_queue.get_mut(&request.job.queue) {
                Some(group) => group.push(request),
                None => drop(by_queue.insert(request.job.queue.clone(), vec![request])),
            }
        }
        let calls = by_queue
            .into_iter()
            .map(|(queue, group)| submit_group(&shared, queue, group));
        futures::future::join_all(calls).await;
    }
}

async fn submit_group(shared: &Shared, queue: String, group: Vec<Request>) {
    let mut jobs = Vec::with_capacity(group.len());
    let mut answers = Vec::with_capacity(group.len());
    for request in group {
        jobs.push((request.job, request.payload));
        answers.push(request.answer);
    }
    match shared.submit_simple(&queue, &jobs).await {
        Ok(verdicts) => {
            for (answer, verdict) in answers.into_iter().zip(verdicts) {
                // A caller that has gone does not want to know.
                drop(answer.send(Ok(verdict)));
            }
        }
        Err(error) => {
            for answer in answers {
                drop(answer.send(Err(error.repeat())));
            }
        }
    }
}
