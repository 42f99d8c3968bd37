//! Storing how attempts ended, and keeping leases.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use rand::Rng;
use redis::Value;
use serde_json::Value as Json;

use super::{CHUNK, Shared, codec, link::Arguments, reply, scripts};
use crate::{
    Error, JobId, Outcome, Result,
    broker::{AttemptEnd, FetchRequest, Finish, Finished, Lease, LeaseRef, Renewal, Renewed},
    job::{ErrorClass, Progress},
    outcome::JobError,
};

/// One end, as `finish.lua` takes it.
struct End {
    code: &'static str,
    values: [String; 4],
    progress: String,
    checkpoint: String,
}

impl End {
    fn new(code: &'static str) -> Self {
        Self {
            code,
            values: Default::default(),
            progress: String::new(),
            checkpoint: String::new(),
        }
    }

    /// Whether the job is done and says no more: then its id and epoch are enough.
    fn is_plain(&self) -> bool {
        self.code == "c"
            && self.values[0].is_empty()
            && self.progress.is_empty()
            && self.checkpoint.is_empty()
    }
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Invalid(error.to_string()))
}

impl Shared {
    /// See [`crate::Broker::finish`].
    pub(super) async fn finish(
        &self,
        finishes: &[Finish],
        then_fetch: Option<&FetchRequest>,
    ) -> Result<(Vec<Finished>, Vec<Lease>)> {
        let leases: Vec<_> = finishes.iter().map(|finish| finish.lease).collect();
        let by_queue = self.by_queue(&leases).await?;
        let (answers, fetched) = match (by_queue.iter().next(), then_fetch) {
            // What a worker asks: one queue, not more than a script takes. One round trip.
            (Some((queue, places)), Some(request))
                if by_queue.len() == 1
                    && places.len() <= CHUNK
                    && matches!(&request.slots[..], [slots] if slots.queue == **queue && slots.free > 0) =>
            {
                self.finish_and_fetch(finishes, queue, places, request)
                    .await?
            }
            _ => {
                let answers = self.finish_all(finishes, &by_queue).await?;
                let fetched = match then_fetch {
                    Some(request) => self.fetch(request).await,
                    None => Ok(Vec::new()),
                };
                (answers, fetched)
            }
        };
        let mut leased = self.leased();
        for lease in &leases {
            leased.remove(&lease.id);
        }
        drop(leased);
        // What was stored must be told even where the fetch failed; the next fetch says why again.
        let fetched = fetched.unwrap_or_else(|error| {
            tracing::warn!(error = %error, "the fetch after a finish failed");
            Vec::new()
        });
        Ok((answers, fetched))
    }

    async fn finish_all(
        &self,
        finishes: &[Finish],
        by_queue: &BTreeMap<Arc<str>, Vec<usize>>,
    ) -> Result<Vec<Finished>> {
        let mut answers = vec![Finished::Refused; finishes.len()];
        for (queue, places) in by_queue {
            for places in places.chunks(CHUNK) {
                let (arguments, order) = self.finish_arguments(finishes, places)?;
                let answer = self
                    .link
                    .eval(&scripts::FINISH, queue, &arguments, true)
                    .await?;
                self.finished(queue, answer, &order, &mut answers).await?;
            }
        }
        Ok(answers)
    }

    async fn finish_and_fetch(
        &self,
        finishes: &[Finish],
        queue: &str,
        places: &[usize],
        request: &FetchRequest,
    ) -> Result<(Vec<Finished>, Result<Vec<Lease>>)> {
        self.forget_unknown(request, queue).await?;
        let (arguments, order) = self.finish_arguments(finishes, places)?;
        let free = request.slots.first().map_or(0, |slots| slots.free);
        let fetch_arguments = self.fetch_arguments(request, free);
        let both = self
            .link
            .eval_both(
                queue,
                (&scripts::FINISH, &arguments),
                (&scripts::FETCH, &fetch_arguments),
            )
            .await;
        let (finished, fetched) = self.doubt(request, queue, both)?;
        // Read first: whatever becomes of the rest, it is known what was leased.
        let fetched = match fetched {
            Ok(answer) => self.fetched(request, queue, answer).await,
            Err(error) => Err(error),
        };
        let fetched = self.doubt(request, queue, fetched);
        let mut answers = vec![Finished::Refused; finishes.len()];
        let stored = match finished {
            Ok(answer) => self.finished(queue, answer, &order, &mut answers).await,
            Err(error) => Err(error),
        };
        if let (Err(_), Ok(leases)) = (&stored, &fetched) {
            self.abandon(request, queue, leases);
        }
        stored?;
        Ok((answers, fetched))
    }

    /// Writes ends as arguments of `finish.lua`; returns also their places in the order in which the script answers: plain
    /// ones first.
    fn finish_arguments(
        &self,
        finishes: &[Finish],
        places: &[usize],
    ) -> Result<(Arguments, Vec<usize>)> {
        let mut arguments = self.arguments();
        arguments.push_number(self.options.max_errors);
        let (mut plain, mut order, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for place in places {
            let end = self.end_of(&finishes[*place])?;
            if end.is_plain() {
                push_lease(&mut plain, finishes[*place].lease);
                order.push(*place);
            } else {
                others.push((*place, end));
            }
        }
        arguments.push_owned(plain);
        for (place, end) in others {
            let lease = finishes[place].lease;
            arguments
                .push(lease.id.as_uuid().as_bytes())
                .push_number(lease.epoch)
                .push(end.code);
            for value in end.values {
                arguments.push(value);
            }
            arguments.push(end.progress).push(end.checkpoint);
            order.push(place);
        }
        Ok((arguments, order))
    }

    /// Takes over what `finish.lua` answered.
    async fn finished(
        &self,
        queue: &str,
        answer: Value,
        order: &[usize],
        answers: &mut [Finished],
    ) -> Result<()> {
        let [letters, outbox] = reply::parts(answer)?;
        let letters = reply::bytes(letters)?;
        if letters.len() != order.len() {
            return Err(Error::Corrupt(format!(
                "{} answers for {} ends",
                letters.len(),
                order.len()
            )));
        }
        for (place, letter) in order.iter().zip(letters) {
            if letter != b'-' {
                answers[*place] = Finished::Stored(codec::state_of_letter(letter)?);
            }
        }
        if reply::number(outbox)? == 1 {
            self.deliver_or_leave(queue).await;
        }
        Ok(())
    }

    fn end_of(&self, finish: &Finish) -> Result<End> {
        let mut end = match &finish.end {
            AttemptEnd::Outcome(outcome) => self.end_of_outcome(outcome)?,
            AttemptEnd::Failed { class, error } => failed(*class, error)?,
        };
        if let Some(progress) = &finish.progress {
            end.progress = json(progress)?;
        }
        end.checkpoint = self.checkpoint(finish.lease.id, finish.checkpoint.as_ref())?;
        Ok(end)
    }

    fn end_of_outcome(&self, outcome: &Outcome) -> Result<End> {
        Ok(match outcome {
            Outcome::Done(Json::Null) => End::new("c"),
            Outcome::Done(value) => {
                let result = json(value)?;
                if result.len() > self.options.max_result_bytes {
                    let message = format!(
                        "result has {} bytes as JSON; queue.max_result_size allows {}",
                        result.len(),
                        self.options.max_result_bytes
                    );
                    let error = JobError::new("job.result_too_large", message);
                    return failed(ErrorClass::Permanent, &error);
                }
                let mut end = End::new("c");
                end.values[0] = result;
                end
            }
            Outcome::Retry(error) => failed(ErrorClass::Retryable, error)?,
            Outcome::Permanent(error) => failed(ErrorClass::Permanent, error)?,
            Outcome::Cancelled => End::new("x"),
            Outcome::Throttled(until) | Outcome::Snooze(until) => {
                let mut end = End::new("s");
                end.values[0] = until.as_millisecond().to_string();
                end
            }
            Outcome::Released => End::new("r"),
        })
    }

    /// Returns a checkpoint as JSON, or nothing where it is too large: then the one before stays, and the job repeats
    /// more work.
    fn checkpoint(&self, id: JobId, checkpoint: Option<&Json>) -> Result<String> {
        let Some(checkpoint) = checkpoint else {
            return Ok(String::new());
        };
        let text = json(checkpoint)?;
        if text.len() > self.options.max_checkpoint_bytes {
            tracing::warn!(
                job.id = %id,
                checkpoint_bytes = text.len(),
                max_bytes = self.options.max_checkpoint_bytes,
                "checkpoint is larger than queue.max_checkpoint_size and was not kept"
            );
            return Ok(String::new());
        }
        Ok(text)
    }

    /// See [`crate::Broker::renew`].
    pub(super) async fn renew(
        &self,
        lease: Duration,
        renewals: &[Renewal],
    ) -> Result<Vec<Renewed>> {
        let mut answers = vec![Renewed::Lost; renewals.len()];
        let leases: Vec<_> = renewals.iter().map(|renewal| renewal.lease).collect();
        for (queue, places) in self.by_queue(&leases).await? {
            for places in places.chunks(CHUNK) {
                let mut arguments = self.arguments();
                arguments.push_number(lease.as_millis());
                let mut packed = Vec::with_capacity(places.len() * 24);
                let mut news = Arguments::default();
                for (n, place) in places.iter().enumerate() {
                    let renewal = &renewals[*place];
                    push_lease(&mut packed, renewal.lease);
                    let progress: Option<&Progress> = renewal.progress.as_ref();
                    let progress = progress.map(json).transpose()?.unwrap_or_default();
                    let checkpoint =
                        self.checkpoint(renewal.lease.id, renewal.checkpoint.as_ref())?;
                    if !progress.is_empty() || !checkpoint.is_empty() {
                        news.push_number(n + 1).push(progress).push(checkpoint);
                    }
                }
                arguments.push_owned(packed).append(news);
                let answer = self
                    .keeper_link
                    .eval(&scripts::RENEW, &queue, &arguments, true)
                    .await?;
                for (place, letter) in places.iter().zip(reply::bytes(answer)?) {
                    answers[*place] = match letter {
                        b'K' => Renewed::Kept,
                        b'C' => Renewed::CancelRequested,
                        _ => Renewed::Lost,
                    };
                }
            }
        }
        Ok(answers)
    }

    /// Sorts leases by their queue; those of jobs that are nowhere are left out.
    async fn by_queue(&self, leases: &[LeaseRef]) -> Result<BTreeMap<Arc<str>, Vec<usize>>> {
        let mut by_queue: BTreeMap<Arc<str>, Vec<usize>> = BTreeMap::new();
        let mut unknown = HashMap::new();
        {
            let leased = self.leased();
            for (place, lease) in leases.iter().enumerate() {
                match leased.get(&lease.id) {
                    Some(queue) => by_queue.entry(Arc::clone(queue)).or_default().push(place),
                    None => unknown.entry(lease.id).or_insert_with(Vec::new).push(place),
                }
            }
        }
        for (id, places) in unknown {
            if let Some(queue) = self.queue_of(id).await? {
                by_queue.entry(Arc::from(queue)).or_default().extend(places);
            }
        }
        Ok(by_queue)
    }
}

fn push_lease(out: &mut Vec<u8>, lease: LeaseRef) {
    out.extend_from_slice(lease.id.as_uuid().as_bytes());
    out.extend_from_slice(&(lease.epoch as f64).to_le_bytes());
}

fn failed(class: ErrorClass, error: &JobError) -> Result<End> {
    let mut end = End::new("f");
    let class = json(&class)?;
    class.trim_matches('"').clone_into(&mut end.values[0]);
    error.code.clone_into(&mut end.values[1]);
    error.message.clone_into(&mut end.values[2]);
    end.values[3] = rand::rng().random_range(0.0..1.0_f64).to_string();
    Ok(end)
}
