//! Fetches whose answer was lost: the server has leased jobs that nobody will start. They are given back before the next
//! fetch, rather than when their leases run out, and not charged.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Shared, link::RESPONSE_TIMEOUT, reply, scripts};
use crate::{
    Error, Result, WorkerId,
    broker::{FetchRequest, Lease},
};

/// A server that stood still may run a fetch that was given up long after it was sent: so what was lost is looked for
/// again after this time.
const LOOK_AGAIN: Duration = RESPONSE_TIMEOUT.saturating_mul(2);

/// Which workers may have been leased jobs from which queue without knowing. A std mutex: sections are one lookup, no await
/// is held.
#[derive(Debug, Default)]
pub(super) struct Doubts(Mutex<HashMap<(WorkerId, String), Doubt>>);

#[derive(Debug, Clone, Copy)]
struct Doubt {
    since: Instant,
    looked: bool,
}

impl Doubts {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<(WorkerId, String), Doubt>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A fetch failed, and may have been carried out.
    fn add(&self, worker: &WorkerId, queue: &str) {
        let doubt = Doubt {
            since: Instant::now(),
            looked: false,
        };
        self.with(|doubts| doubts.insert((worker.clone(), queue.to_owned()), doubt));
    }

    fn is_time(&self, worker: &WorkerId, queue: &str) -> bool {
        self.with(|doubts| {
            // Nearly always there is none, and the key need not be made.
            !doubts.is_empty()
                && doubts
                    .get(&(worker.clone(), queue.to_owned()))
                    .is_some_and(|doubt| !doubt.looked || doubt.since.elapsed() > LOOK_AGAIN)
        })
    }

    fn looked(&self, worker: &WorkerId, queue: &str) {
        self.with(|doubts| {
            let key = (worker.clone(), queue.to_owned());
            match doubts.get_mut(&key) {
                Some(doubt) if doubt.since.elapsed() <= LOOK_AGAIN => doubt.looked = true,
                _ => drop(doubts.remove(&key)),
            }
        });
    }
}

impl Shared {
    /// Notes a fetch that may have been carried out without its answer having been read.
    pub(super) fn doubt<T>(
        &self,
        request: &FetchRequest,
        queue: &str,
        fetched: Result<T>,
    ) -> Result<T> {
        // What is wrong with the call itself was refused before anything was leased.
        if let Err(Error::Unavailable(_) | Error::Corrupt(_)) = &fetched {
            self.doubts.add(&request.worker, queue);
        }
        fetched
    }

    /// Leases that the caller will not see, because what went with them failed.
    pub(super) fn abandon(&self, request: &FetchRequest, queue: &str, leases: &[Lease]) {
        let mut leased = self.leased();
        for lease in leases {
            leased.remove(&lease.job.id());
        }
        drop(leased);
        self.doubts.add(&request.worker, queue);
    }

    /// Gives back what was leased to the worker without its knowing, if that may be.
    pub(super) async fn forget_unknown(&self, request: &FetchRequest, queue: &str) -> Result<()> {
        if !self.doubts.is_time(&request.worker, queue) {
            return Ok(());
        }
        let mut known = Vec::new();
        for (id, of) in self.leased().iter() {
            if **of == *queue {
                known.extend_from_slice(id.as_uuid().as_bytes());
            }
        }
        let (mut rank, mut given) = (0, 0);
        while rank >= 0 {
            let mut arguments = self.arguments();
            arguments
                .push(request.worker.as_str())
                .push(&known)
                .push_number(rank);
            let answer = self
                .link
                .eval(&scripts::FORGET, queue, &arguments, true)
                .await?;
            let [next, here, outbox] = reply::parts(answer)?;
            rank = reply::number(next)?;
            given += reply::number(here)?;
            if reply::number(outbox)? == 1 {
                self.deliver_or_leave(queue).await;
            }
        }
        if given > 0 {
            tracing::warn!(
                worker = %request.worker,
                queue.name = queue,
                jobs = given,
                "jobs whose lease got lost on its way here were given back"
            );
        }
        self.doubts.looked(&request.worker, queue);
        Ok(())
    }
}
