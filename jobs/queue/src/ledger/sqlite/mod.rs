//! The ledger on a SQLite file, beside the queue's own tables or in a file of its own. Rows travel as JSON arrays.

mod rows;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use uuid::Uuid;

use self::rows::{
    ROWS_A_STATEMENT, StepError, add_jobs, bytes, end_row, hex, hexes, known, take_keys,
};
use super::{
    columns::errors_json,
    contract::{Inserted, Keep, Ledger, Note, Reopen, Reopened, Settlement, Sums},
    entry::{COLUMNS, Entry, EntryKey, StoredJob, read_state},
    filter::push_filter,
    insert::Found,
};
use crate::{
    Error, JobId, JobState, Result,
    broker::{JobFilter, Retention},
    sqlite::Database,
};

/// A [`Ledger`] on a [`Database`].
#[derive(Debug, Clone)]
pub struct SqliteLedger {
    database: Database,
}

impl SqliteLedger {
    /// Uses the ledger's tables in `database`.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    fn error(&self, error: StepError) -> Error {
        match error {
            StepError::Storage(error) => self.database.error(error),
            StepError::Json(error) => Error::Invalid(format!("value does not serialise: {error}")),
            StepError::Ledger(error) => error,
        }
    }

    /// Runs `work` in a write transaction, which it keeps where it returns `true`.
    async fn write<T>(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<(T, bool), StepError>,
    ) -> Result<T> {
        let transact = async {
            let _turn = self.database.write_turn().await;
            let mut tx = self.database.writer().begin_with("BEGIN IMMEDIATE").await?;
            let (value, keep) = work(&mut tx).await?;
            if keep {
                tx.commit().await?;
            } else {
                tx.rollback().await?;
            }
            Ok(value)
        };
        transact.await.map_err(|error| self.error(error))
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn insert(
        &self,
        entries: &[&Entry],
        keep: Keep,
        now: Timestamp,
    ) -> Result<Vec<Inserted>> {
        self.write(async |connection| {
            let mut found = Found::default();
            let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
            found.add_known(known(connection, &ids).await?)?;
            let keys: Vec<_> = found
                .keys_to_take(entries)
                .into_iter()
                .map(|(entry, key)| {
                    let expires_at = key.expires_at(now);
                    (key.hash, entry.id.as_uuid(), entry.body_hash, expires_at)
                })
                .collect();
            found.add_holders(take_keys(connection, &keys, now).await?)?;
            let keep = keep == Keep::Each || (keep == Keep::AllOrNone && !found.refuses(entries));
            if keep {
                add_jobs(connection, &found.to_insert(entries), now).await?;
            }
            Ok((found.answers(entries), keep))
        })
        .await
    }

    async fn discard(&self, ids: &[JobId]) -> Result<()> {
        self.write(async |connection| {
            let ids = serde_json::to_string(&hexes(ids))?;
            sqlx::query(
                "DELETE FROM ledger_keys WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
            )
            .bind(&ids)
            .execute(&mut *connection)
            .await?;
            let gone = sqlx::query(include_str!(
                "../../../queries/ledger/sqlite/discard_jobs.sql"
            ))
            .bind(&ids)
            .execute(&mut *connection)
            .await?;
            sqlx::query("UPDATE ledger_totals SET accepted = accepted - ?1")
                .bind(gone.rows_affected() as i64)
                .execute(connection)
                .await?;
            Ok(((), true))
        })
        .await
    }

    async fn settle(&self, ends: &[Settlement], force: bool) -> Result<u64> {
        self.write(async |connection| {
            let mut changed = 0;
            for ends in ends.chunks(ROWS_A_STATEMENT) {
                let rows = ends
                    .iter()
                    .map(end_row)
                    .collect::<Result<Vec<_>, serde_json::Error>>()?;
                let settled: Vec<Uuid> =
                    sqlx::query_scalar(include_str!("../../../queries/ledger/sqlite/settle_jobs.sql"))
                        .bind(serde_json::to_string(&rows)?)
                        .bind(force)
                        .fetch_all(&mut *connection)
                        .await?;
                changed += settled.len() as u64;
                let settled: Vec<_> = settled.into_iter().map(hex).collect();
                sqlx::query("DELETE FROM ledger_keys WHERE expires_at IS NULL AND id IN (SELECT unhex(value) FROM json_each(?1))")
                    .bind(serde_json::to_string(&settled)?)
                    .execute(&mut *connection)
                    .await?;
            }
            Ok((changed, true))
        })
        .await
    }

    async fn note(&self, notes: &[Note]) -> Result<()> {
        self.write(async |connection| {
            for notes in notes.chunks(ROWS_A_STATEMENT) {
                let rows: Vec<_> = notes
                    .iter()
                    .map(|note| {
                        Ok(json!({
                            "id": hex(note.id.as_uuid()),
                            "attempt": note.attempt,
                            "crashes": note.crashes,
                            "max_attempts": note.max_attempts,
                            "error_code": note.errors.last().map(|error| &error.error.code),
                            "errors": errors_json(&note.errors)?,
                        }))
                    })
                    .collect::<Result<Vec<_>, serde_json::Error>>()?;
                sqlx::query(include_str!(
                    "../../../queries/ledger/sqlite/note_attempts.sql"
                ))
                .bind(serde_json::to_string(&rows)?)
                .execute(&mut *connection)
                .await?;
            }
            Ok(((), true))
        })
        .await
    }

    async fn reopen(&self, job: &Reopen, now: Timestamp) -> Result<Reopened> {
        self.write(async |connection| {
            if let Some(EntryKey { hash, ttl_ms: None }) = job.key {
                let key = (hash, job.id.as_uuid(), job.body_hash, None);
                let taken = take_keys(connection, &[key], now)
                    .await?
                    .iter()
                    .any(|holder| holder.is_not(job.id));
                if taken && job.only_with_key {
                    return Ok((Reopened::KeyTaken, false));
                }
            }
            let done = sqlx::query(include_str!(
                "../../../queries/ledger/sqlite/reopen_job.sql"
            ))
            .bind(bytes(&job.id))
            .bind(&job.spec)
            .bind(job.epoch as i64)
            .bind(job.finished_at.as_millisecond())
            .execute(connection)
            .await?;
            if done.rows_affected() == 0 {
                return Ok((Reopened::Missing, false));
            }
            Ok((Reopened::Done, true))
        })
        .await
    }

    async fn delete(&self, id: JobId) -> Result<bool> {
        self.write(async |connection| {
            let state: Option<String> = sqlx::query_scalar(
                "DELETE FROM ledger_jobs WHERE id = ?1 AND state <> 'accepted' RETURNING state",
            )
            .bind(bytes(&id))
            .fetch_optional(&mut *connection)
            .await?;
            if let Some(state) = &state {
                sqlx::query("UPDATE ledger_keys SET ended_as = ?1 WHERE id = ?2")
                    .bind(state)
                    .bind(bytes(&id))
                    .execute(&mut *connection)
                    .await?;
                sqlx::query("UPDATE ledger_totals SET pruned = pruned + 1")
                    .execute(connection)
                    .await?;
            }
            Ok((state.is_some(), true))
        })
        .await
    }

    async fn rewrite(&self, entry: &Entry) -> Result<bool> {
        self.write(async |connection| {
            let done =
                sqlx::query("UPDATE ledger_jobs SET spec = ?2, body_hash = ?3 WHERE id = ?1")
                    .bind(bytes(&entry.id))
                    .bind(&entry.spec)
                    .bind(entry.body_hash)
                    .execute(&mut *connection)
                    .await?;
            sqlx::query("UPDATE ledger_keys SET body_hash = ?2 WHERE id = ?1")
                .bind(bytes(&entry.id))
                .bind(entry.body_hash)
                .execute(connection)
                .await?;
            Ok((done.rows_affected() > 0, true))
        })
        .await
    }

    async fn forget_epochs(&self, ids: &[JobId]) -> Result<()> {
        self.write(async |connection| {
            sqlx::query("UPDATE ledger_jobs SET epoch = 0, finished_at = NULL WHERE state = 'accepted' AND id IN (SELECT unhex(value) FROM json_each(?1))")
                .bind(serde_json::to_string(&hexes(ids))?)
                .execute(connection)
                .await?;
            Ok(((), true))
        })
        .await
    }

    async fn open_after(&self, seq: i64, limit: usize) -> Result<Vec<StoredJob>> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT ");
        query
            .push(COLUMNS)
            .push(" FROM ledger_jobs WHERE state = 'accepted' AND seq > ")
            .push_bind(seq)
            .push(" ORDER BY seq LIMIT ")
            .push_bind(limit as i64);
        query
            .build_query_as()
            .fetch_all(self.database.readers())
            .await
            .map_err(|error| self.database.error(error))
    }

    async fn newest_open(&self, before: Timestamp, limit: usize) -> Result<Vec<JobId>> {
        let ids: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM ledger_jobs WHERE state = 'accepted' AND submitted_at < ?1 ORDER BY seq DESC LIMIT ?2")
            .bind(before.as_millisecond())
            .bind(limit as i64)
            .fetch_all(self.database.readers())
            .await
            .map_err(|error| self.database.error(error))?;
        Ok(ids.into_iter().map(JobId::from).collect())
    }

    async fn still_open(&self, ids: &[JobId]) -> Result<Vec<JobId>> {
        let read = async {
            let ids: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM ledger_jobs WHERE state = 'accepted' AND id IN (SELECT unhex(value) FROM json_each(?1))")
                .bind(serde_json::to_string(&hexes(ids))?)
                .fetch_all(self.database.readers())
                .await?;
            Ok(ids.into_iter().map(JobId::from).collect())
        };
        read.await.map_err(|error| self.error(error))
    }

    async fn get(&self, id: JobId) -> Result<Option<StoredJob>> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT ");
        query
            .push(COLUMNS)
            .push(" FROM ledger_jobs WHERE id = ")
            .push_bind(bytes(&id));
        query
            .build_query_as()
            .fetch_optional(self.database.readers())
            .await
            .map_err(|error| self.database.error(error))
    }

    async fn history(
        &self,
        filter: &JobFilter,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<Vec<StoredJob>> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT ");
        query
            .push(COLUMNS)
            .push(" FROM ledger_jobs WHERE state <> 'accepted'");
        push_filter(&mut query, filter);
        if let Some(before) = before {
            query.push(" AND id < ").push_bind(bytes(&before));
        }
        query
            .push(" ORDER BY id DESC LIMIT ")
            .push_bind(limit as i64);
        query
            .build_query_as()
            .fetch_all(self.database.readers())
            .await
            .map_err(|error| self.database.error(error))
    }

    async fn counts(&self, filter: &JobFilter) -> Result<Vec<(Option<JobState>, u64)>> {
        let mut query =
            QueryBuilder::<Sqlite>::new("SELECT state, count(*) FROM ledger_jobs WHERE true");
        push_filter(&mut query, filter);
        query.push(" GROUP BY state");
        let rows: Vec<(String, i64)> = query
            .build_query_as()
            .fetch_all(self.database.readers())
            .await
            .map_err(|error| self.database.error(error))?;
        rows.into_iter()
            .map(|(state, count)| Ok((read_state(&state)?, count as u64)))
            .collect()
    }

    async fn prune(&self, retention: &Retention, now: Timestamp, limit: usize) -> Result<usize> {
        self.write(async |connection| {
            let mut pruned = 0;
            for (state, keep) in super::filter::retained(retention) {
                let before = super::filter::before(now, keep);
                let gone: Vec<Uuid> =
                    sqlx::query_scalar(include_str!("../../../queries/ledger/sqlite/prune_jobs.sql"))
                        .bind(state.as_str())
                        .bind(before)
                        .bind((limit - pruned) as i64)
                        .fetch_all(&mut *connection)
                        .await?;
                pruned += gone.len();
                let gone: Vec<_> = gone.into_iter().map(hex).collect();
                sqlx::query("UPDATE ledger_keys SET ended_as = ?1 WHERE id IN (SELECT unhex(value) FROM json_each(?2))")
                    .bind(state.as_str())
                    .bind(serde_json::to_string(&gone)?)
                    .execute(&mut *connection)
                    .await?;
            }
            sqlx::query("UPDATE ledger_totals SET pruned = pruned + ?1")
                .bind(pruned as i64)
                .execute(&mut *connection)
                .await?;
            sqlx::query(include_str!("../../../queries/ledger/sqlite/prune_keys.sql"))
                .bind(now.as_millisecond())
                .bind(limit as i64)
                .execute(connection)
                .await?;
            Ok((pruned, true))
        })
        .await
    }

    async fn sums(&self) -> Result<Sums> {
        let read = async {
            let mut tx = self.database.readers().begin().await?;
            let (accepted, pruned): (i64, i64) =
                sqlx::query_as("SELECT accepted, pruned FROM ledger_totals")
                    .fetch_one(&mut *tx)
                    .await?;
            let counts: Vec<(String, i64)> =
                sqlx::query_as("SELECT state, count(*) FROM ledger_jobs GROUP BY state")
                    .fetch_all(&mut *tx)
                    .await?;
            tx.commit().await?;
            Ok(super::filter::sums(accepted, pruned, counts)?)
        };
        read.await.map_err(|error| self.error(error))
    }

    async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1 FROM ledger_totals")
            .execute(self.database.readers())
            .await
            .map(drop)
            .map_err(|error| self.database.error(error))
    }
}
