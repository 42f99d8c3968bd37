//! Leasing jobs: `fetch.lua` chooses, this reads what it gives.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use redis::Value;

use super::{
    CHUNK, Shared,
    codec::{self, Notes, Reader},
    link::Arguments,
    queues::read_lanes,
    reply, scripts,
};
use crate::{
    JobId, Result,
    broker::{FetchRequest, Lease, QueueSlots},
};

impl Shared {
    /// See [`crate::Broker::fetch`].
    pub(super) async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Lease>> {
        let wanted = request.slots.iter().filter(|slots| slots.free > 0);
        let fetches = wanted.map(|slots| self.fetch_queue(request, slots));
        let (mut leases, mut failed) = (Vec::new(), None);
        for fetched in futures::future::join_all(fetches).await {
            match fetched {
                Ok(got) => leases.extend(got),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if leases.is_empty() => Err(error),
            // What was leased must be told; the next fetch says why again.
            _ => Ok(leases),
        }
    }

    async fn fetch_queue(&self, request: &FetchRequest, slots: &QueueSlots) -> Result<Vec<Lease>> {
        self.queues.note(&slots.queue);
        let mut leases = Vec::new();
        while leases.len() < slots.free {
            let free = (slots.free - leases.len()).min(CHUNK);
            let got = match self.fetch_some(request, &slots.queue, free).await {
                Ok(got) => got,
                Err(error) if leases.is_empty() => return Err(error),
                Err(_) => break,
            };
            let full = got.len() == free;
            leases.extend(got);
            if !full {
                break;
            }
        }
        Ok(leases)
    }

    async fn fetch_some(
        &self,
        request: &FetchRequest,
        queue: &str,
        free: usize,
    ) -> Result<Vec<Lease>> {
        self.forget_unknown(request, queue).await?;
        let arguments = self.fetch_arguments(request, free);
        // Not repeated: what a first call leased without an answer is given back before the next one.
        let fetched = match self
            .link
            .eval(&scripts::FETCH, queue, &arguments, false)
            .await
        {
            Ok(answer) => self.fetched(request, queue, answer).await,
            Err(error) => Err(error),
        };
        self.doubt(request, queue, fetched)
    }

    pub(super) fn fetch_arguments(&self, request: &FetchRequest, free: usize) -> Arguments {
        self.lease_ms
            .store(request.lease.as_millis() as u64, Ordering::Relaxed);
        let mut arguments = self.arguments();
        arguments
            .push(request.worker.as_str())
            .push_number(free.min(CHUNK))
            .push_number(request.lease.as_millis())
            .push_number(self.options.starvation_after.as_millis())
            .push_number(request.kinds.len());
        for (kind, version) in &request.kinds {
            arguments.push(kind).push_number(version);
        }
        arguments
    }

    /// Takes over what `fetch.lua` answered.
    pub(super) async fn fetched(
        &self,
        request: &FetchRequest,
        queue: &str,
        answer: Value,
    ) -> Result<Vec<Lease>> {
        let [until_ready, until_sweep, lanes, jobs, notes] = reply::parts(answer)?;
        self.wakers.note(
            queue,
            Some(reply::number(until_ready)?),
            reply::number(until_sweep)?,
            self.hint_good_for(),
        );
        self.queues.add_lanes(queue, read_lanes(lanes)?);
        let leases = self
            .read_leases(queue, request.lease, &reply::bytes(jobs)?, notes)
            .await?;
        let queue: Arc<str> = Arc::from(queue);
        let mut leased = self.leased();
        for lease in &leases {
            leased.insert(lease.job.id(), Arc::clone(&queue));
        }
        drop(leased);
        Ok(leases)
    }

    async fn read_leases(
        &self,
        queue: &str,
        lease: Duration,
        jobs: &[u8],
        notes: Value,
    ) -> Result<Vec<Lease>> {
        let notes = NotesById::read(notes)?;
        let mut leases = Vec::new();
        let mut reader = Reader::new(jobs);
        while !reader.is_empty() {
            let id = reader.id()?;
            let length = usize::from(reader.u16()?);
            let state = reader.take(length)?;
            let length = reader.u32()? as usize;
            let spec = reader.take(length)?;
            let lane = self.lane(queue, codec::lane_of_spec(spec)?).await?;
            let mut notes = notes.of(id);
            // It began now, on the server's clock.
            let begun = codec::State::read(state)?.started_at;
            notes.lease_expires_at = Some(begun + lease.as_millis() as i64);
            let job = codec::read_record(queue, id, Some(state), spec, &lane, notes)?;
            let epoch = job.epoch;
            leases.push(Lease { job, epoch });
        }
        Ok(leases)
    }
}

/// Errors, checkpoints and progress of the leased jobs that have any.
struct NotesById(Vec<(JobId, [Option<Vec<u8>>; 3])>);

impl NotesById {
    fn read(value: Value) -> Result<Self> {
        let mut all = Vec::new();
        for item in reply::array(value)? {
            let [id, errors, checkpoint, progress] = reply::parts(item)?;
            let parts = [
                reply::optional_bytes(errors)?,
                reply::optional_bytes(checkpoint)?,
                reply::optional_bytes(progress)?,
            ];
            all.push((codec::read_id(&reply::bytes(id)?)?, parts));
        }
        Ok(Self(all))
    }

    fn of(&self, id: JobId) -> Notes<'_> {
        let Some((_, [errors, checkpoint, progress])) = self.0.iter().find(|(of, _)| *of == id)
        else {
            return Notes::default();
        };
        Notes {
            errors: errors.as_deref(),
            result: None,
            checkpoint: checkpoint.as_deref(),
            progress: progress.as_deref(),
            lease_expires_at: None,
        }
    }
}
