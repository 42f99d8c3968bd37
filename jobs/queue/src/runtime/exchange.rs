//! Calls of a pump on their way: ends out, jobs in.
//!
//! While the broker works on one call, the jobs of the one before run. With a second call on its way neither waits for
//! the other; a third would only make batches smaller.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::ack::Ended;
use crate::{
    Broker, Error, Result,
    broker::{FetchRequest, Finish, Finished, Lease},
};

/// Calls on their way at once.
const MAX_CALLS: usize = 2;
/// A second call begins when it has at least this many ends: fewer are cheaper with the next.
const MIN_ENDS: usize = 16;
/// And at least this share of the slots.
const MIN_SHARE: usize = 4;

/// A call that has been answered.
pub(super) struct Done {
    /// What it was to store.
    pub(super) ends: Vec<Ended>,
    /// Jobs it asked for.
    pub(super) asked: usize,
    pub(super) result: Result<(Vec<Finished>, Vec<Lease>)>,
}

/// Calls on their way. Dropping them gives them up.
#[derive(Default)]
pub(super) struct Exchanges {
    calls: JoinSet<Done>,
    /// Jobs that they ask for together.
    pub(super) asked: usize,
}

impl Exchanges {
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Tells whether another call with so many ends should begin now.
    pub(super) fn take_another(&self, ends: usize, slots: usize) -> bool {
        match self.calls.len() {
            0 => true,
            calls => calls < MAX_CALLS && ends >= MIN_ENDS.max(slots / MIN_SHARE),
        }
    }

    /// Stores ends and fetches, in one call where the broker can.
    pub(super) fn begin(
        &mut self,
        broker: &Arc<dyn Broker>,
        ends: Vec<Ended>,
        request: Option<FetchRequest>,
    ) {
        let broker = Arc::clone(broker);
        let asked = request
            .iter()
            .flat_map(|request| &request.slots)
            .map(|slots| slots.free)
            .sum();
        self.asked += asked;
        self.calls.spawn(async move {
            let result = match &request {
                Some(request) if ends.is_empty() => {
                    let leases = broker.fetch(request).await;
                    leases.map(|leases| (Vec::new(), leases))
                }
                _ => {
                    let finishes: Vec<_> = ends.iter().map(finish).collect();
                    broker.finish(&finishes, request.as_ref()).await
                }
            };
            Done {
                ends,
                asked,
                result,
            }
        });
    }

    /// Waits for an answer; `None` where nothing is on its way.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing.
    ///
    /// # Panics
    /// When the broker's call panicked: its ends are lost with it, so the worker cannot go on.
    pub(super) async fn next(&mut self) -> Option<Done> {
        let done = self.calls.join_next().await?;
        let done = done.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Done {
                ends: Vec::new(),
                asked: 0,
                result: Err(Error::Unavailable(Box::new(error))),
            },
        });
        self.asked -= done.asked;
        Some(done)
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
