//! Events of all queues in one order.
//!
//! An event's place is a ms, a number within it and the queue's number, as one u64. A queue gives out places by itself; a reader first moves
//! the horizon, then closes every queue before it, so nothing that comes later can come before what was read. A queue that
//! begins later asks for the horizon.

use redis::Value;

use super::{Shared, codec, codec::Reader, keys, reply, scripts};
use crate::{Error, Result, broker::JobEvent};

/// Bits of the number within a ms, and of the queue's number: `write_events` in `lua/lib/jobs.lua` keeps to the former.
const N_BITS: u32 = 14;
const QUEUE_BITS: u32 = 8;

fn seq_of(ms: u64, n: u64, queue: u32) -> u64 {
    (((ms << N_BITS) | n) << QUEUE_BITS) | (u64::from(queue) & ((1 << QUEUE_BITS) - 1))
}

/// Returns the ms and the number within it.
fn place_of(seq: u64) -> (u64, u64) {
    let place = seq >> QUEUE_BITS;
    (place >> N_BITS, place & ((1 << N_BITS) - 1))
}

impl Shared {
    /// See [`crate::Broker::events`].
    pub(super) async fn events(&self, after: u64, limit: usize) -> Result<Vec<JobEvent>> {
        let (ms, n) = place_of(after);
        let horizon = self.move_horizon().await?;
        let mut events = Vec::new();
        for (queue, number) in self.read_numbers().await? {
            let mut arguments = self.arguments();
            arguments
                .push(format!("{ms}-{n}"))
                .push_number(limit.saturating_add(1))
                .push_number(horizon);
            let answer = self
                .link
                .eval(&scripts::EVENTS, &queue, &arguments, true)
                .await?;
            for entry in reply::array(answer)? {
                self.read_entry((&queue, number), entry, after, &mut events)
                    .await?;
            }
        }
        events.sort_unstable_by_key(|event| event.seq);
        events.truncate(limit);
        Ok(events)
    }

    async fn move_horizon(&self) -> Result<i64> {
        let arguments = self.arguments();
        let answer = self
            .link
            .eval(&scripts::HORIZON, "", &arguments, true)
            .await?;
        reply::parse(&reply::text(answer)?)
    }

    /// Keeps the events of a new queue behind what was read already.
    pub(super) async fn close_to_horizon(&self, queue: &str) -> Result<()> {
        let mut get = redis::cmd("GET");
        get.arg(keys::horizon_key(self.link.prefix()));
        let Some(horizon) = reply::optional_text(self.link.call(&get, true).await?)? else {
            return Ok(());
        };
        let mut arguments = self.arguments();
        arguments.push("0-1").push_number(1).push(horizon);
        self.link
            .eval(&scripts::EVENTS, queue, &arguments, true)
            .await
            .map(drop)
    }

    async fn read_entry(
        &self,
        (queue, number): (&str, u32),
        entry: Value,
        after: u64,
        events: &mut Vec<JobEvent>,
    ) -> Result<()> {
        let [id, at, packed] = reply::parts(entry)?;
        let at = reply::parse(&reply::text(at)?)?;
        let id = reply::text(id)?;
        let packed = reply::bytes(packed)?;
        let (ms, first) = id
            .split_once('-')
            .and_then(|(ms, n)| Some((ms.parse::<u64>().ok()?, n.parse::<u64>().ok()?)))
            .ok_or_else(|| Error::Corrupt(format!("event {id:?} has no place")))?;
        let mut reader = Reader::new(&packed);
        let mut n = first;
        while !reader.is_empty() {
            let job_id = reader.id()?;
            let state = codec::state_of_letter(reader.u8()?)?;
            let attempt = u32::from(reader.u16()?);
            let lane = reader.u32()?;
            let reason = reader.u8()?;
            let seq = seq_of(ms, n, number);
            n += 1;
            if seq <= after {
                continue;
            }
            events.push(JobEvent {
                seq,
                job_id,
                kind: self.lane(queue, lane).await?.kind.clone(),
                queue: queue.to_owned(),
                state,
                attempt,
                dead_reason: codec::reason_of_number(reason),
                at: codec::instant(at),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_keeps_its_parts_and_its_order() {
        let now = 1_800_000_000_000;
        assert_eq!(place_of(seq_of(now, 7, 3)), (now, 7));
        assert!(seq_of(now, 7, 3) < seq_of(now, 7, 4));
        assert!(seq_of(now, (1 << N_BITS) - 1, 255) < seq_of(now + 1, 0, 0));
        assert!(i64::try_from(seq_of(now, 7, 255)).is_ok());
    }
}
