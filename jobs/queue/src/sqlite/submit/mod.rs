//! Accepting jobs: checked and serialised on the caller's thread, decided and stored on the writer's.

mod insert;

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use sqlx::{Row, SqliteConnection};

pub(super) use self::insert::TAKE_UNIQUE_KEYS;
use self::insert::store;
use super::{
    engine::{StepError, Tx, Verb},
    load,
    row::read_id,
};
use crate::{
    Error, JobId, NewJob, Result,
    broker::Verdict,
    options::BrokerOptions,
    rules::{
        check::Prepared,
        submit::{Key, Present, Taken, check_all, decide, key_of},
    },
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
    /// As [`check_all`].
    pub(super) fn new(
        jobs: Vec<NewJob>,
        all_or_nothing: bool,
        options: &BrokerOptions,
    ) -> Result<Self> {
        Ok(Self {
            jobs: check_all(jobs, options)?,
            all_or_nothing,
        })
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
        let present = Present {
            by_id: taken_ids(tx.connection, prepared()).await?,
            by_key: taken_keys(tx.connection, prepared(), tx.now).await?,
            open: open_dependencies(tx.connection, prepared()).await?,
        };
        let next_seq = next_seq(tx.connection).await?;
        let (verdicts, accepted) =
            decide(&self.jobs, present, self.all_or_nothing, next_seq, tx.now);
        let accepted: Vec<_> = accepted
            .into_iter()
            .filter_map(|job| Some((self.jobs[job.index].as_ref().ok()?, job)))
            .collect();
        if !accepted.is_empty() {
            store(tx, &accepted).await?;
        }
        Ok(verdicts)
    }
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
