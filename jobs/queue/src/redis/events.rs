//! Events of all queues in one order.
//!
//! An event's place is its ms and a number within it, as one u64. A queue gives out places by itself; a reader closes the
//! present ms in every queue before it reads, so nothing that comes later can come before what was read.

use redis::Value;

use super::{Shared, codec, codec::Reader, reply, scripts};
use crate::{Error, Result, broker::JobEvent};

/// Bits of the number within a ms.
const N_BITS: u32 = 22;

fn seq_of(ms: u64, n: u64) -> u64 {
    (ms << N_BITS) | n
}

fn parts_of(seq: u64) -> (u64, u64) {
    (seq >> N_BITS, seq & ((1 << N_BITS) - 1))
}

impl Shared {
    /// See [`crate::Broker::events`].
    pub(super) async fn events(&self, after: u64, limit: usize) -> Result<Vec<JobEvent>> {
        let (ms, n) = parts_of(after);
        let mut horizon = 0;
        let mut events = Vec::new();
        for queue in self.read_queues().await? {
            let mut arguments = self.arguments();
            arguments
                .push(format!("{ms}-{n}"))
                .push_number(limit.saturating_add(1))
                .push_number(horizon);
            let answer = self
                .link
                .eval(&scripts::EVENTS, &queue, &arguments, true)
                .await?;
            let [closed, entries] = reply::parts(answer)?;
            if horizon == 0 {
                horizon = reply::parse(&reply::text(closed)?)?;
            }
            for entry in reply::array(entries)? {
                self.read_entry(&queue, entry, after, &mut events).await?;
            }
        }
        events.sort_unstable_by_key(|event| event.seq);
        events.truncate(limit);
        Ok(events)
    }

    async fn read_entry(
        &self,
        queue: &str,
        entry: Value,
        after: u64,
        events: &mut Vec<JobEvent>,
    ) -> Result<()> {
        let [id, packed] = reply::parts(entry)?;
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
            let seq = seq_of(ms, n);
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
                at: codec::instant(ms as i64),
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
        assert_eq!(parts_of(seq_of(now, 7)), (now, 7));
        assert!(seq_of(now, (1 << N_BITS) - 1) < seq_of(now + 1, 0));
        assert!(i64::try_from(seq_of(now, 7)).is_ok());
    }
}
