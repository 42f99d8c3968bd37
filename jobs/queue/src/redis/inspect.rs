//! Looking at jobs and queues.

use std::collections::{BTreeMap, HashMap};

use redis::Value;

use super::{
    CHUNK, Shared,
    codec::{self, Notes},
    queues::read_lanes,
    reply, scripts,
};
use crate::{
    Error, JobId, JobRecord, JobState, Result,
    broker::{Audit, JobFilter, Limits, QueueStats},
};

/// What `stats.lua` says of a queue.
pub(super) struct Stats {
    /// Jobs by state and lane.
    pub(super) counts: Vec<(JobState, u32, u64)>,
    pub(super) lanes: HashMap<u32, codec::Lane>,
    meta: HashMap<String, String>,
    oldest_ms: Option<i64>,
    rule: Option<String>,
    present: u64,
}

impl Stats {
    /// Returns the moving average of a kind's run time, where one has run.
    pub(super) fn run_ms_avg(&self, kind: &str) -> Option<f64> {
        let text = self.meta.get(&format!("run:{kind}"))?;
        text.split(' ').next()?.parse().ok()
    }
}

impl Shared {
    /// See [`crate::Broker::get`].
    pub(super) async fn get(&self, id: JobId) -> Result<Option<JobRecord>> {
        for queue in self.read_queues_once(id).await? {
            let mut found = self.get_many(&queue, &[id]).await?;
            if let Some(job) = found.pop().flatten() {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    /// The queues in which a job may be, the likeliest first.
    async fn read_queues_once(&self, id: JobId) -> Result<Vec<String>> {
        let likely = self.leased().get(&id).cloned();
        let mut queues = self.read_queues().await?;
        if let Some(likely) = likely {
            queues.sort_by_key(|queue| **queue != *likely);
        }
        Ok(queues)
    }

    /// Returns the queue of a job, if it is anywhere.
    pub(super) async fn queue_of(&self, id: JobId) -> Result<Option<String>> {
        for queue in self.read_queues_once(id).await? {
            let mut command = redis::cmd("HEXISTS");
            command
                .arg(self.link.key(&queue, "spec"))
                .arg(id.as_uuid().as_bytes().as_slice());
            if reply::number(self.link.call(&command, true).await?)? == 1 {
                return Ok(Some(queue));
            }
        }
        Ok(None)
    }

    /// Returns jobs of a queue by id, at most [`CHUNK`].
    pub(super) async fn get_many(
        &self,
        queue: &str,
        ids: &[JobId],
    ) -> Result<Vec<Option<JobRecord>>> {
        debug_assert!(ids.len() <= CHUNK);
        let mut arguments = self.arguments();
        for id in ids {
            arguments.push(id.as_uuid().as_bytes());
        }
        let answer = self
            .link
            .eval(&scripts::GET, queue, &arguments, true)
            .await?;
        let [lanes, jobs] = reply::parts(answer)?;
        let lanes: HashMap<_, _> = read_lanes(lanes)?.into_iter().collect();
        reply::array(jobs)?
            .into_iter()
            .map(|job| match job {
                Value::Nil => Ok(None),
                job => read_job(queue, &lanes, job).map(Some),
            })
            .collect()
    }

    pub(super) async fn stats(&self, queue: &str) -> Result<Stats> {
        let answer = self
            .link
            .eval(&scripts::STATS, queue, &self.arguments(), true)
            .await?;
        let [counts, lanes, meta, oldest, rule, present, _running] = reply::parts(answer)?;
        let mut by_lane = Vec::new();
        for (field, count) in reply::text_pairs(counts)? {
            let (letter, lane) = field.split_at(1);
            let state = codec::state_of_letter(letter.as_bytes()[0])?;
            let count = reply::parse(&count)?.max(0) as u64;
            by_lane.push((state, reply::parse(lane)? as u32, count));
        }
        let mut names = HashMap::new();
        for (field, name) in reply::text_pairs(lanes)? {
            if let Some(number) = field.strip_prefix('i') {
                names.insert(reply::parse(number)? as u32, codec::Lane::parse(&name)?);
            }
        }
        Ok(Stats {
            counts: by_lane,
            lanes: names,
            meta: reply::text_pairs(meta)?.into_iter().collect(),
            oldest_ms: reply::optional_text(oldest)?
                .map(|ms| reply::parse(&ms))
                .transpose()?,
            rule: reply::optional_text(rule)?,
            present: reply::number(present)? as u64,
        })
    }

    /// Counts the jobs of a filter that the counters can answer.
    pub(super) async fn counted(&self, filter: &JobFilter) -> Result<BTreeMap<JobState, u64>> {
        let mut sums = BTreeMap::new();
        for queue in self.queues_of(filter).await? {
            let stats = self.stats(&queue).await?;
            for (state, lane, count) in stats.counts {
                let Some(lane) = stats.lanes.get(&lane) else {
                    continue;
                };
                let wanted = |wanted: &Option<String>, is: &str| {
                    wanted.as_deref().is_none_or(|wanted| wanted == is)
                };
                if (filter.states.is_empty() || filter.states.contains(&state))
                    && wanted(&filter.kind, &lane.kind)
                    && wanted(&filter.tenant, &lane.tenant)
                {
                    *sums.entry(state).or_default() += count;
                }
            }
        }
        Ok(sums)
    }

    /// The queues that a filter means.
    pub(super) async fn queues_of(&self, filter: &JobFilter) -> Result<Vec<String>> {
        let mut queues = self.read_queues().await?;
        if let Some(wanted) = &filter.queue {
            queues.retain(|queue| queue == wanted);
        }
        Ok(queues)
    }

    /// See [`crate::Broker::queues`].
    pub(super) async fn describe_queues(&self) -> Result<Vec<QueueStats>> {
        let mut described = Vec::new();
        for queue in self.read_queues().await? {
            described.push(describe(queue.clone(), &self.stats(&queue).await?)?);
        }
        described.sort_by(|a, b| a.queue.cmp(&b.queue));
        Ok(described)
    }

    /// See [`crate::Broker::audit`]. The server counts the entries of the HASH of all jobs; the counters by state are
    /// compared with it.
    pub(super) async fn audit(&self) -> Result<Audit> {
        let mut audit = Audit::default();
        for queue in self.read_queues().await? {
            let stats = self.stats(&queue).await?;
            let total = |field: &str| {
                let text = stats.meta.get(field).map_or("0", String::as_str);
                reply::parse(text).map(|n| n as u64)
            };
            audit.accepted += total("accepted")?;
            audit.pruned += total("pruned")?;
            audit.present += stats.present;
            let counted: u64 = stats.counts.iter().map(|(_, _, count)| count).sum();
            audit.unaccounted += counted.abs_diff(stats.present) as i64;
        }
        audit.unaccounted += audit.accepted as i64 - audit.pruned as i64 - audit.present as i64;
        Ok(audit)
    }

    /// See [`crate::Broker::ping`].
    pub(super) async fn ping(&self) -> Result<()> {
        let command = redis::cmd("PING");
        self.link.call(&command, true).await.map(drop)
    }
}

fn describe(queue: String, stats: &Stats) -> Result<QueueStats> {
    let mut counts = BTreeMap::new();
    let mut backlog_ms = 0.0;
    for (state, lane, count) in &stats.counts {
        *counts.entry(*state).or_default() += count;
        if *state == JobState::Ready
            && let Some(lane) = stats.lanes.get(lane)
            && let Some(average) = stats.run_ms_avg(&lane.kind)
        {
            backlog_ms += average * *count as f64;
        }
    }
    let (paused, limits) = match &stats.rule {
        Some(rule) => read_rule(rule)?,
        None => (false, Limits::default()),
    };
    let any_ready = counts.get(&JobState::Ready).is_some_and(|count| *count > 0);
    // Ready jobs that no lane has any more were found to have expired, and wait for the next tick.
    let oldest_ms = any_ready.then(|| stats.oldest_ms.unwrap_or(0).max(0));
    Ok(QueueStats {
        counts: with_zeros(&counts),
        oldest_ready_s: oldest_ms.map(|ms| ms as f64 / 1e3),
        backlog_s: backlog_ms / 1e3,
        paused,
        limits,
        queue,
    })
}

/// Reads "paused concurrency rate burst weight".
pub(super) fn read_rule(rule: &str) -> Result<(bool, Limits)> {
    let corrupt = || Error::Corrupt(format!("rule {rule:?} cannot be read"));
    let parts: Vec<_> = rule.split(' ').collect();
    let [paused, most, rate, burst, weight] = parts[..] else {
        return Err(corrupt());
    };
    let optional = |text: &str| (text != "-").then(|| text.to_owned());
    Ok((
        paused == "1",
        Limits {
            concurrency: optional(most)
                .map(|n| n.parse())
                .transpose()
                .map_err(|_| corrupt())?,
            rate_per_s: optional(rate)
                .map(|n| n.parse())
                .transpose()
                .map_err(|_| corrupt())?,
            burst: burst.parse().map_err(|_| corrupt())?,
            weight: weight.parse::<u32>().ok().filter(|weight| *weight != 1),
        },
    ))
}

pub(super) fn with_zeros(counts: &BTreeMap<JobState, u64>) -> Vec<(JobState, u64)> {
    JobState::ALL
        .into_iter()
        .map(|state| (state, counts.get(&state).copied().unwrap_or(0)))
        .collect()
}

fn read_job(queue: &str, lanes: &HashMap<u32, codec::Lane>, value: Value) -> Result<JobRecord> {
    let [id, state, spec, lease, errors, result, checkpoint, progress] = reply::parts(value)?;
    let id = codec::read_id(&reply::bytes(id)?)?;
    let spec = reply::bytes(spec)?;
    let number = codec::lane_of_spec(&spec)?;
    let lane = lanes.get(&number).ok_or_else(|| {
        Error::Corrupt(format!("job `{id}` is in lane {number}, which has no name"))
    })?;
    let state = reply::bytes(state)?;
    let [errors, result, checkpoint, progress] = [
        reply::optional_bytes(errors)?,
        reply::optional_bytes(result)?,
        reply::optional_bytes(checkpoint)?,
        reply::optional_bytes(progress)?,
    ];
    let notes = Notes {
        errors: errors.as_deref(),
        result: result.as_deref(),
        checkpoint: checkpoint.as_deref(),
        progress: progress.as_deref(),
        lease_expires_at: reply::optional_text(lease)?
            .map(|ms| reply::parse(&ms))
            .transpose()?,
    };
    let state = (!state.is_empty()).then_some(state.as_slice());
    codec::read_record(queue, id, state, &spec, lane, notes)
}
