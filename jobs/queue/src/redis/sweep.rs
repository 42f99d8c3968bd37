//! What time does to jobs.

use std::{sync::atomic::Ordering, time::Duration};

use redis::Value;

use super::{CHUNK, Shared, codec, reply, scripts};
use crate::{
    Result, WorkerId,
    broker::{Rescued, Retention},
};

/// Jobs that one script moves: for a thousand it takes 10 ms and more, in which the server does nothing else.
const MOVES: usize = 250;
/// How long what a script said about due instants is believed at most.
const GOOD_FOR: Duration = Duration::from_secs(5);

impl Shared {
    /// See [`crate::Broker::promote_due`].
    pub(super) async fn promote_due(&self, limit: usize) -> Result<usize> {
        let mut changed = 0;
        for queue in self.all_queues().await? {
            while changed < limit {
                let room = (limit - changed).min(MOVES);
                let mut arguments = self.arguments();
                arguments
                    .push_number(room)
                    .push_number(self.options.max_errors);
                let answer = self
                    .link
                    .eval(&scripts::PROMOTE, &queue, &arguments, true)
                    .await?;
                let [here, outbox, until_next] = reply::parts(answer)?;
                let here = reply::number(here)? as usize;
                changed += here;
                self.swept(&queue, outbox, until_next).await?;
                if here < room {
                    break;
                }
            }
        }
        self.look_after_waiting().await?;
        Ok(changed)
    }

    /// How long what a script said about due instants is believed: a lease that another worker takes the moment after must
    /// not run out unseen. Leases are taken to be as long elsewhere as they are here.
    pub(super) fn hint_good_for(&self) -> Duration {
        let lease = Duration::from_millis(self.lease_ms.load(Ordering::Relaxed));
        GOOD_FOR.min(lease / 3)
    }

    async fn swept(&self, queue: &str, outbox: Value, until_next: Value) -> Result<()> {
        self.wakers.note(
            queue,
            None,
            reply::number(until_next)?,
            self.hint_good_for(),
        );
        if reply::number(outbox)? == 1 {
            self.deliver_or_leave(queue).await;
        }
        Ok(())
    }

    /// See [`crate::Broker::rescue_expired`].
    pub(super) async fn rescue_expired(&self, limit: usize) -> Result<Vec<Rescued>> {
        let mut rescued = Vec::new();
        for queue in self.all_queues().await? {
            while rescued.len() < limit {
                let room = (limit - rescued.len()).min(MOVES);
                let mut arguments = self.arguments();
                arguments
                    .push_number(room)
                    .push_number(self.options.max_errors)
                    .push_number(self.options.crash_budget);
                let answer = self
                    .link
                    .eval(&scripts::RESCUE, &queue, &arguments, true)
                    .await?;
                let [jobs, outbox, until_next] = reply::parts(answer)?;
                let jobs = reply::array(jobs)?;
                let here = jobs.len();
                for job in jobs {
                    rescued.push(read_rescued(&queue, job)?);
                }
                self.swept(&queue, outbox, until_next).await?;
                if here < room {
                    break;
                }
            }
        }
        Ok(rescued)
    }

    /// See [`crate::Broker::prune`].
    pub(super) async fn prune(&self, retention: &Retention, limit: usize) -> Result<usize> {
        let mut pruned = 0;
        for queue in self.all_queues().await? {
            let room = (limit - pruned).min(CHUNK);
            if room == 0 {
                break;
            }
            let mut arguments = self.arguments();
            arguments.push_number(room);
            for keep in [
                retention.completed,
                retention.cancelled,
                retention.dead,
                retention.events,
            ] {
                arguments.push_number(keep.as_millis());
            }
            let answer = self
                .link
                .eval(&scripts::PRUNE, &queue, &arguments, true)
                .await?;
            pruned += reply::number(answer)? as usize;
        }
        Ok(pruned)
    }
}

fn read_rescued(queue: &str, value: Value) -> Result<Rescued> {
    let [id, state, lane, worker] = reply::parts(value)?;
    let letter = reply::bytes(state)?.first().copied().unwrap_or_default();
    let worker = reply::text(worker)?;
    Ok(Rescued {
        id: codec::read_id(&reply::bytes(id)?)?,
        queue: queue.to_owned(),
        kind: codec::Lane::parse(&reply::text(lane)?)?.kind,
        state: codec::state_of_letter(letter)?,
        worker: (!worker.is_empty()).then(|| WorkerId::new(worker)),
    })
}
