//! Accepting jobs: checked and serialised on the caller's thread, decided and stored on the writer's.

pub(crate) mod check;
mod insert;

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use sqlx::{Row, SqliteConnection};

pub(super) use self::insert::TAKE_UNIQUE_KEYS;
use self::{
    check::{Prepared, invalid, prepare},
    insert::store,
};
use super::{
    BrokerOptions,
    engine::{StepError, Tx, Verb},
    load,
    row::{JobRow, read_id},
};
use crate::{
    Error, JobId, JobState, NewJob, Result,
    broker::{MAX_SUBMIT, Verdict},
    job::UniqueUntil,
};

/// See [`crate::Broker::submit`].
pub(super) struct Submit {
    jobs: Vec<Result<Prepared, Verdict>>,
    all_or_nothing: bool,
}

impl Submit {
    /// Checks and serialises the jobs.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there are more than [`MAX_SUBMIT`].
    pub(super) fn new(
        jobs: Vec<NewJob>,
        all_or_nothing: bool,
        options: &BrokerOptions,
    ) -> Result<Self> {
        if jobs.len() > MAX_SUBMIT {
            return Err(Error::Invalid(format!(
                "{} jobs in one submit; at most {MAX_SUBMIT} are allowed",
                jobs.len()
            )));
        }
        let mut earlier_or_later: HashMap<JobId, usize> = HashMap::new();
        for (index, job) in jobs.iter().enumerate() {
            earlier_or_later.entry(job.id).or_insert(index);
        }
        let jobs = jobs
            .into_iter()
            .enumerate()
            .map(|(index, job)| {
                let too_early = job
                    .depends_on
                    .iter()
                    .find(|id| earlier_or_later.get(id).is_some_and(|at| *at >= index));
                if let Some(id) = too_early {
                    return Err(invalid(format!(
                        "job `{}` depends on `{id}`, which does not come before it in the same submit",
                        job.id
                    )));
                }
                prepare(job, options)
            })
            .collect();
        Ok(Self {
            jobs,
            all_or_nothing,
        })
    }
}

/// Scope of a unique key: tenant, kind, key.
type Key = [String; 3];

fn key_of(job: &NewJob) -> Option<Key> {
    let unique = job.unique.as_ref()?;
    Some([job.tenant.clone(), job.kind.clone(), unique.key.clone()])
}

/// What stands in the way of a job: another one with its id or key.
#[derive(Debug, Clone)]
struct Taken {
    id: JobId,
    state: JobState,
    body_hash: String,
}

impl Taken {
    fn verdict(&self, body_hash: &str) -> Verdict {
        if self.body_hash == body_hash {
            Verdict::Duplicate {
                id: self.id,
                state: self.state,
            }
        } else {
            Verdict::Conflict { id: self.id }
        }
    }
}

#[async_trait]
impl Verb for Submit {
    type Output = Vec<Verdict>;
    const DURABLE: bool = true;

    fn weight(&self) -> usize {
        self.jobs.len()
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Verdict>, StepError> {
        let prepared = || self.jobs.iter().flatten();
        let mut by_id = taken_ids(tx.connection, prepared()).await?;
        let mut by_key = taken_keys(tx.connection, prepared(), tx.now).await?;
        let open = open_dependencies(tx.connection, prepared()).await?;

        let mut verdicts = Vec::with_capacity(self.jobs.len());
        let mut accepted = Vec::new();
        // Which job stands for an id of this submit, and whether it is still to settle.
        let mut stands_for: HashMap<JobId, JobId> = HashMap::new();
        let mut next_seq = next_seq(tx.connection).await?;
        for item in &self.jobs {
            let prepared = match item {
                Ok(prepared) => prepared,
                Err(rejected) => {
                    verdicts.push(rejected.clone());
                    continue;
                }
            };
            let job = &prepared.job;
            let key = key_of(job);
            let taken = by_id
                .get(&job.id)
                .or_else(|| key.as_ref().and_then(|key| by_key.get(key)));
            if let Some(taken) = taken {
                let verdict = taken.verdict(&prepared.body_hash);
                if let (Some(id), false) = (verdict.id(), taken.state.is_terminal()) {
                    stands_for.insert(job.id, id);
                }
                verdicts.push(verdict);
                continue;
            }
            let waits_for: HashSet<JobId> = job
                .depends_on
                .iter()
                .filter_map(|id| match stands_for.get(id) {
                    Some(id) => Some(*id),
                    None => open.contains(id).then_some(*id),
                })
                .collect();
            let row = new_row(prepared, next_seq, waits_for.len() as u32, tx.now);
            next_seq += 1;
            let taken = Taken {
                id: job.id,
                state: row.state,
                body_hash: prepared.body_hash.clone(),
            };
            stands_for.insert(job.id, job.id);
            by_id.insert(job.id, taken.clone());
            if let Some(key) = key {
                by_key.insert(key, taken);
            }
            verdicts.push(Verdict::Accepted { id: job.id });
            accepted.push((prepared, row, waits_for));
        }
        let refused = verdicts.iter().any(|verdict| verdict.id().is_none());
        let kept_out = self.all_or_nothing && refused;
        if !kept_out && !accepted.is_empty() {
            store(tx, &accepted).await?;
        }
        Ok(verdicts)
    }
}

fn new_row(prepared: &Prepared, seq: i64, pending: u32, now: i64) -> JobRow {
    let job = &prepared.job;
    let run_at = job
        .run_at
        .map_or(now, jiff::Timestamp::as_millisecond)
        .max(now);
    let state = if pending > 0 {
        JobState::Waiting
    } else if run_at > now {
        JobState::Scheduled
    } else {
        JobState::Ready
    };
    let mut row = JobRow {
        seq,
        id: job.id,
        queue: job.queue.clone(),
        kind: job.kind.clone(),
        tenant: job.tenant.clone(),
        max_attempts: job.max_attempts,
        backoff: job.backoff,
        unique_key: job.unique.as_ref().map(|unique| unique.key.clone()),
        unique_ttl_ms: job.unique.as_ref().and_then(|unique| match unique.until {
            UniqueUntil::Done => None,
            UniqueUntil::TtlMs(ms) => Some(i64::try_from(ms).unwrap_or(i64::MAX)),
        }),
        body_hash: prepared.body_hash.clone(),
        expires_at: job.expires_at.map(jiff::Timestamp::as_millisecond),
        deadline: job.deadline.map(jiff::Timestamp::as_millisecond),
        submitted_at: now,
        loaded: state,
        state,
        dead_reason: None,
        attempt: 0,
        crashes: 0,
        epoch: 0,
        worker: None,
        lease_expires_at: None,
        cancel_requested: false,
        pending,
        run_at,
        kill_at: None,
        started_at: None,
        finished_at: None,
        error_code: None,
        progress: None,
        checkpoint: None,
        errors: None,
        result: None,
    };
    row.kill_at = row.due_to_die_at();
    row
}

async fn next_seq(connection: &mut SqliteConnection) -> Result<i64, StepError> {
    let accepted: i64 = sqlx::query_scalar("SELECT accepted FROM job_totals")
        .fetch_one(connection)
        .await?;
    Ok(accepted + 1)
}

async fn taken_ids(
    connection: &mut SqliteConnection,
    prepared: impl Iterator<Item = &Prepared>,
) -> Result<HashMap<JobId, Taken>, StepError> {
    let rows = load::rows_by_id(connection, prepared.map(|prepared| prepared.job.id)).await?;
    let taken = rows.into_iter().map(|row| {
        let taken = Taken {
            id: row.id,
            state: row.state,
            body_hash: row.body_hash,
        };
        (row.id, taken)
    });
    Ok(taken.collect())
}

async fn taken_keys(
    connection: &mut SqliteConnection,
    prepared: impl Iterator<Item = &Prepared>,
    now: i64,
) -> Result<HashMap<Key, Taken>, StepError> {
    let keys: Vec<Key> = prepared
        .filter_map(|prepared| key_of(&prepared.job))
        .collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(include_str!("../../../queries/taken_unique_keys.sql"))
        .bind(serde_json::to_string(&keys)?)
        .bind(now)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let key = [
                row.try_get("tenant")?,
                row.try_get("kind")?,
                row.try_get("unique_key")?,
            ];
            let state: String = row.try_get("state")?;
            let taken = Taken {
                id: read_id(row.try_get("id")?)?,
                state: state.parse().map_err(Error::Corrupt)?,
                body_hash: row.try_get("body_hash")?,
            };
            Ok((key, taken))
        })
        .collect()
}

/// Returns which of the jobs that are depended on have not settled.
async fn open_dependencies(
    connection: &mut SqliteConnection,
    prepared: impl Iterator<Item = &Prepared>,
) -> Result<HashSet<JobId>, StepError> {
    let ids: HashSet<_> = prepared
        .flat_map(|prepared| prepared.job.depends_on.iter().copied())
        .collect();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = load::rows_by_id(connection, ids).await?;
    Ok(rows
        .into_iter()
        .filter(|row| !row.state.is_terminal())
        .map(|row| row.id)
        .collect())
}
