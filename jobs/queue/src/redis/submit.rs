//! Submitting: jobs are checked and written as arguments here; `submit.lua` decides.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use redis::Value;

use super::{CHUNK, Shared, codec, codec::Past, keys, reply, scripts};
use crate::{
    Error, JobId, NewJob, Result,
    broker::{MAX_SUBMIT, Readmission, Verdict},
    rules::check::{check as check_job, invalid},
};

/// Bytes of arguments that one call carries, unless one job alone has more.
const MAX_CALL_BYTES: usize = 1 << 20;

/// Calls of one submit that are sent before the first is answered.
const CALLS_ON_THEIR_WAY: usize = 2;

/// A job with options (a time, a key, dependencies) takes the script so many times as long as one without.
const OPTIONS_WEIGHT: usize = 4;

/// A job that passed the checks, with its payload as JSON and its place in the submit.
struct Checked {
    place: usize,
    job: NewJob,
    payload: String,
    past: Option<Past>,
}

/// How a call of the script treats its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Each,
    AllOrNothing,
    /// Only says what would be.
    DryRun,
}

impl Mode {
    fn argument(self) -> &'static str {
        match self {
            Self::Each => "0",
            Self::AllOrNothing => "1",
            Self::DryRun => "2",
        }
    }
}

impl Shared {
    /// Checks one job by itself, for this broker too.
    pub(super) fn check(&self, job: &NewJob) -> Result<String, Verdict> {
        keys::check_queue(&job.queue).map_err(invalid)?;
        for (what, name) in [("kind", &job.kind), ("tenant", &job.tenant)] {
            if name.contains(char::is_control) {
                return Err(invalid(format!(
                    "{what} `{}` has control characters; names have none",
                    name.escape_debug()
                )));
            }
        }
        check_job(job, &self.options)
    }

    /// See [`crate::Broker::readmit`].
    pub(super) async fn readmit(&self, jobs: Vec<Readmission>) -> Result<Vec<Verdict>> {
        let mut pasts = HashMap::with_capacity(jobs.len());
        let mut specs = Vec::with_capacity(jobs.len());
        for Readmission {
            job,
            attempt,
            crashes,
            epoch,
            errors,
        } in jobs
        {
            let past = Past {
                attempt: attempt.min(job.max_attempts.saturating_sub(1)),
                crashes,
                epoch,
                errors: codec::write_errors(&errors)?,
            };
            pasts.insert(job.id, past);
            specs.push(job);
        }
        self.submit(specs, false, pasts).await
    }

    /// See [`crate::Broker::submit`].
    pub(super) async fn submit(
        &self,
        jobs: Vec<NewJob>,
        all_or_nothing: bool,
        mut pasts: HashMap<JobId, Past>,
    ) -> Result<Vec<Verdict>> {
        if jobs.len() > MAX_SUBMIT {
            return Err(Error::Invalid(format!(
                "{} jobs in one submit; at most {MAX_SUBMIT} are allowed",
                jobs.len()
            )));
        }
        let mut verdicts: Vec<Option<Verdict>> = vec![None; jobs.len()];
        let mut checked = Vec::with_capacity(jobs.len());
        let mut places: HashMap<JobId, usize> = HashMap::new();
        for (place, job) in jobs.iter().enumerate() {
            places.entry(job.id).or_insert(place);
        }
        let mut any_dependencies = false;
        for (place, job) in jobs.into_iter().enumerate() {
            let too_early = job
                .depends_on
                .iter()
                .find(|id| places.get(id).is_some_and(|at| *at >= place));
            let result = match too_early {
                Some(id) => Err(invalid(format!(
                    "job `{}` depends on `{id}`, which does not come before it in the same submit",
                    job.id
                ))),
                None => self.check(&job),
            };
            any_dependencies |= !job.depends_on.is_empty();
            match result {
                Ok(payload) => checked.push(Checked {
                    place,
                    past: pasts.remove(&job.id),
                    job,
                    payload,
                }),
                Err(verdict) => verdicts[place] = Some(verdict),
            }
        }
        let rejected = checked.len() < verdicts.len();
        let calls = into_calls(checked, any_dependencies);
        let mut mode = Mode::Each;
        if all_or_nothing {
            if rejected || calls.len() > 1 {
                // One script decides for at most 1,000 jobs of a queue; for more, all are asked before any is accepted.
                let would_be = self
                    .submit_calls(&calls, Mode::DryRun, &mut verdicts.clone())
                    .await?;
                if rejected
                    || would_be
                        .iter()
                        .flatten()
                        .any(|verdict| verdict.id().is_none())
                {
                    let known = verdicts.into_iter().zip(would_be);
                    return known.map(|(known, would)| given(known.or(would))).collect();
                }
            } else {
                mode = Mode::AllOrNothing;
            }
        }
        let verdicts = self.submit_calls(&calls, mode, &mut verdicts).await?;
        verdicts.into_iter().map(given).collect()
    }

    async fn submit_calls(
        &self,
        calls: &[Vec<Checked>],
        mode: Mode,
        verdicts: &mut Vec<Option<Verdict>>,
    ) -> Result<Vec<Option<Verdict>>> {
        // Which job stands for an id of this submit.
        let mut stands_for: HashMap<JobId, JobId> = HashMap::new();
        let all = calls.iter().flatten();
        if all.clone().all(|checked| checked.job.depends_on.is_empty()) {
            // None needs another's answer, so the next call is made up while the server works on one; they arrive in order.
            let mut sent = Vec::with_capacity(calls.len());
            for call in calls {
                sent.push(self.submit_call(call, mode, &stands_for).boxed());
            }
            let answers = stream::iter(sent).buffered(CALLS_ON_THEIR_WAY);
            let answers: Vec<Vec<Verdict>> = answers.try_collect().await?;
            for (checked, verdict) in all.zip(answers.into_iter().flatten()) {
                verdicts[checked.place] = Some(verdict);
            }
            return Ok(std::mem::take(verdicts));
        }
        for call in calls {
            let answers = self.submit_call(call, mode, &stands_for).await?;
            for (checked, verdict) in call.iter().zip(answers) {
                if let Verdict::Duplicate { id, .. } = verdict {
                    stands_for.insert(checked.job.id, id);
                }
                verdicts[checked.place] = Some(verdict);
            }
        }
        Ok(std::mem::take(verdicts))
    }

    /// Submits jobs of one queue, at most [`CHUNK`].
    async fn submit_call(
        &self,
        call: &[Checked],
        mode: Mode,
        stands_for: &HashMap<JobId, JobId>,
    ) -> Result<Vec<Verdict>> {
        let Some(queue) = call.first().map(|checked| checked.job.queue.as_str()) else {
            return Ok(Vec::new());
        };
        let elsewhere = self.watch_elsewhere(queue, call, stands_for, mode).await?;
        let mut builder = CallBuilder::default();
        for checked in call {
            let depends_on: Vec<_> = checked
                .job
                .depends_on
                .iter()
                .map(|id| stands_for.get(id).copied().unwrap_or(*id))
                .collect();
            let open = elsewhere
                .get(&checked.job.id)
                .map_or(&[][..], Vec::as_slice);
            let past = checked.past.as_ref();
            builder.add(&checked.job, &checked.payload, open, &depends_on, past)?;
        }
        self.send(queue, builder, mode).await
    }

    async fn send(&self, queue: &str, builder: CallBuilder, mode: Mode) -> Result<Vec<Verdict>> {
        self.ensure_registered(queue).await?;
        let mut arguments = self.arguments();
        arguments.push(mode.argument());
        arguments.push_number(builder.lanes.len());
        let mut lanes: Vec<_> = builder.lanes.iter().collect();
        lanes.sort_unstable_by_key(|(_, number)| **number);
        for (name, _) in lanes {
            arguments.push(name);
        }
        for job in builder.jobs {
            arguments.push_owned(job);
        }
        let answer = self
            .link
            .eval(&scripts::SUBMIT, queue, &arguments, true)
            .await?;
        let [before, letters, details] = reply::parts(answer)?;
        if reply::number(before)? == 0 {
            self.begun_anew(queue).await?;
        }
        self.wait_for_replicas().await?;
        read_verdicts(&builder.ids, &reply::bytes(letters)?, details)
    }

    /// Submits jobs of one queue that need nobody, each for itself. At most [`CHUNK`].
    pub(super) async fn submit_simple(
        &self,
        queue: &str,
        jobs: &[(NewJob, String)],
    ) -> Result<Vec<Verdict>> {
        let mut builder = CallBuilder::default();
        for (job, payload) in jobs {
            builder.add(job, payload, &[], &[], None)?;
        }
        self.send(queue, builder, Mode::Each).await
    }

    /// Registers jobs with those they depend on in other queues; returns which of those are open.
    async fn watch_elsewhere(
        &self,
        queue: &str,
        call: &[Checked],
        stands_for: &HashMap<JobId, JobId>,
        mode: Mode,
    ) -> Result<HashMap<JobId, Vec<JobId>>> {
        let mut open: HashMap<JobId, Vec<JobId>> = HashMap::new();
        let pairs: Vec<(JobId, JobId)> = call
            .iter()
            .flat_map(|checked| {
                let on = checked.job.depends_on.iter();
                on.map(|on| (checked.job.id, stands_for.get(on).copied().unwrap_or(*on)))
            })
            .collect();
        if pairs.is_empty() || mode == Mode::DryRun {
            return Ok(open);
        }
        for other in self.read_queues().await? {
            if other == queue {
                continue;
            }
            for pairs in pairs.chunks(CHUNK) {
                let mut arguments = self.arguments();
                arguments.push(queue);
                for (id, on) in pairs {
                    arguments.push(id.as_uuid().as_bytes());
                    arguments.push(on.as_uuid().as_bytes());
                }
                let answer = self
                    .link
                    .eval(&scripts::WATCH, &other, &arguments, true)
                    .await?;
                for ((id, on), letter) in pairs.iter().zip(reply::bytes(answer)?) {
                    if letter == b'o' {
                        open.entry(*id).or_default().push(*on);
                    }
                }
            }
        }
        Ok(open)
    }

    /// With `wait_replicas`, an accepted job is on so many replicas before the submit returns.
    async fn wait_for_replicas(&self) -> Result<()> {
        let wanted = self.redis.wait_replicas;
        if wanted == 0 {
            return Ok(());
        }
        let mut command = redis::cmd("WAIT");
        command.arg(wanted).arg(2_000);
        let got = reply::number(self.link.call(&command, false).await?)?;
        if got < i64::from(wanted) {
            return Err(Error::Unavailable(
                format!("{got} replicas have the job; queue.wait_replicas wants {wanted}").into(),
            ));
        }
        Ok(())
    }
}

fn given(verdict: Option<Verdict>) -> Result<Verdict> {
    verdict.ok_or_else(|| Error::Corrupt("a submitted job has no verdict".to_owned()))
}

/// Cuts a submit into calls of one queue and bounded size. With dependencies the order over queues is kept: what is
/// depended on must be there first.
fn into_calls(checked: Vec<Checked>, in_order: bool) -> Vec<Vec<Checked>> {
    let mut groups: Vec<Vec<Checked>> = Vec::new();
    if in_order {
        for item in checked {
            match groups.last_mut() {
                Some(group) if group[0].job.queue == item.job.queue => group.push(item),
                _ => groups.push(vec![item]),
            }
        }
    } else {
        let mut by_queue: BTreeMap<String, Vec<Checked>> = BTreeMap::new();
        for item in checked {
            match by_queue.get_mut(&item.job.queue) {
                Some(group) => group.push(item),
                None => drop(by_queue.insert(item.job.queue.clone(), vec![item])),
            }
        }
        groups.extend(by_queue.into_values());
    }
    let mut calls = Vec::new();
    for group in groups {
        let (mut call, mut bytes, mut weight) = (Vec::new(), 0, 0);
        for item in group {
            let own = if codec::is_plain(&item.job) && item.past.is_none() {
                1
            } else {
                OPTIONS_WEIGHT
            };
            if weight + own > CHUNK || (bytes > 0 && bytes + item.payload.len() > MAX_CALL_BYTES) {
                calls.push(std::mem::take(&mut call));
                (bytes, weight) = (0, 0);
            }
            bytes += item.payload.len();
            weight += own;
            call.push(item);
        }
        if !call.is_empty() {
            calls.push(call);
        }
    }
    calls
}

/// Collects the arguments of one call.
#[derive(Default)]
struct CallBuilder {
    lanes: BTreeMap<String, u16>,
    ids: Vec<JobId>,
    jobs: Vec<Vec<u8>>,
}

impl CallBuilder {
    fn add(
        &mut self,
        job: &NewJob,
        payload: &str,
        open_elsewhere: &[JobId],
        depends_on: &[JobId],
        past: Option<&Past>,
    ) -> Result<()> {
        let next = self.lanes.len() as u16 + 1;
        let lane = *self.lanes.entry(codec::Lane::name_of(job)).or_insert(next);
        let elsewhere: BTreeSet<_> = open_elsewhere.iter().collect();
        let here: Vec<_> = depends_on
            .iter()
            .filter(|id| !elsewhere.contains(id))
            .copied()
            .collect();
        self.jobs.push(codec::write_job(
            job,
            payload,
            lane,
            open_elsewhere,
            &here,
            past,
        )?);
        self.ids.push(job.id);
        Ok(())
    }
}

fn read_verdicts(ids: &[JobId], letters: &[u8], details: Value) -> Result<Vec<Verdict>> {
    let mut details = reply::array(details)?.into_iter();
    if letters.len() != ids.len() {
        return Err(Error::Corrupt(format!(
            "{} verdicts for {} jobs",
            letters.len(),
            ids.len()
        )));
    }
    ids.iter()
        .zip(letters)
        .map(|(id, letter)| {
            if *letter == b'A' {
                return Ok(Verdict::Accepted { id: *id });
            }
            let detail = details
                .next()
                .ok_or_else(|| Error::Corrupt("a verdict has no details".to_owned()))?;
            let [other, state] = reply::parts(detail)?;
            let id = codec::read_id(&reply::bytes(other)?)?;
            if *letter == b'C' {
                return Ok(Verdict::Conflict { id });
            }
            let state = reply::bytes(state)?;
            let state = codec::state_of_letter(state.first().copied().unwrap_or_default())?;
            Ok(Verdict::Duplicate { id, state })
        })
        .collect()
}
