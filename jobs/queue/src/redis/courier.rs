//! Dependencies between queues: a job that ends leaves letters for those that wait elsewhere, and this carries them.
//!
//! A letter that is lost on the way (the process died with it) is made up for: now and then everything that waits is
//! looked after, and what it waits for is asked whether it has ended.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{CHUNK, Shared, codec, reply, scripts};
use crate::{JobId, JobState, Result};

/// How often everything that waits is looked after.
const LOOK_AFTER: Duration = Duration::from_secs(10);

impl Shared {
    /// Delivers the letters of a queue; a failure leaves them, or what they say, to the next look.
    pub(super) async fn deliver_or_leave(&self, queue: &str) {
        if let Err(error) = self.deliver(queue).await {
            tracing::warn!(queue.name = queue, error = %error, "letters to waiting jobs are delayed");
        }
    }

    async fn deliver(&self, queue: &str) -> Result<()> {
        loop {
            let mut pop = redis::cmd("LPOP");
            pop.arg(self.link.key(queue, "outbox")).arg(CHUNK);
            let letters = match self.link.call(&pop, false).await? {
                redis::Value::Nil => return Ok(()),
                letters => reply::array(letters)?,
            };
            let mut by_queue: BTreeMap<String, Vec<(JobId, JobId)>> = BTreeMap::new();
            for letter in letters {
                let letter = reply::bytes(letter)?;
                let mut reader = codec::Reader::new(&letter);
                let length = usize::from(reader.u8()?);
                let name = String::from_utf8_lossy(reader.take(length)?).into_owned();
                let to = if name.is_empty() {
                    queue.to_owned()
                } else {
                    name
                };
                by_queue
                    .entry(to)
                    .or_default()
                    .push((reader.id()?, reader.id()?));
            }
            for (to, pairs) in by_queue {
                self.settle(&to, &pairs).await?;
            }
        }
    }

    /// Strikes ended jobs off what jobs of a queue wait for. Pairs: who waits, what has ended.
    async fn settle(&self, queue: &str, pairs: &[(JobId, JobId)]) -> Result<()> {
        for pairs in pairs.chunks(CHUNK) {
            let mut arguments = self.arguments();
            for (id, on) in pairs {
                arguments.push(id.as_uuid().as_bytes());
                arguments.push(on.as_uuid().as_bytes());
            }
            self.link
                .eval(&scripts::SETTLE, queue, &arguments, true)
                .await?;
        }
        Ok(())
    }

    /// Looks after everything that waits, if the last time is long enough ago.
    pub(super) async fn look_after_waiting(&self) -> Result<()> {
        if !self.queues.is_time(LOOK_AFTER) {
            return Ok(());
        }
        for queue in self.all_queues().await? {
            self.deliver(&queue).await?;
            let mut cursor = "0".to_owned();
            loop {
                let mut arguments = self.arguments();
                arguments.push(&cursor);
                let answer = self
                    .link
                    .eval(&scripts::PENDING, &queue, &arguments, true)
                    .await?;
                let [next, waiting] = reply::parts(answer)?;
                cursor = reply::text(next)?;
                let mut settled = Vec::new();
                for (id, on) in reply::pairs(waiting)? {
                    let id = codec::read_id(&id)?;
                    for on in on.chunks(16) {
                        let on = codec::read_id(on)?;
                        if self.has_settled(on).await? {
                            settled.push((id, on));
                        }
                    }
                }
                self.settle(&queue, &settled).await?;
                if cursor == "0" {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn has_settled(&self, id: JobId) -> Result<bool> {
        let job = self.get(id).await?;
        Ok(job.is_none_or(|job| JobState::is_terminal(job.state)))
    }
}

/// When something was last done.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<Instant>,
}

impl Pace {
    /// Tells whether `interval` has passed since it last did; the first time begins the interval.
    pub(super) fn is_time(&mut self, interval: Duration) -> bool {
        match self.last {
            Some(last) if last.elapsed() < interval => false,
            before => {
                self.last = Some(Instant::now());
                before.is_some()
            }
        }
    }
}
