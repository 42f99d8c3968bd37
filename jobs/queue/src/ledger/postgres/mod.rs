//! The ledger on PostgreSQL 15 or newer. Rows travel as one array a column, so that a statement of any size is one round
//! trip and is parsed once.

mod connection;
mod rows;
mod schedules;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use self::rows::{EndColumns, KeyColumns, add_jobs, error_code, known, take_keys, uuids};
pub use self::{
    connection::{PostgresDatabase, PostgresOptions, migrate},
    schedules::PostgresSchedules,
};
use super::{
    columns::errors_json,
    contract::{Inserted, Keep, Ledger, Note, Reopen, Reopened, Settlement, Sums},
    entry::{COLUMNS, Entry, EntryKey, StoredJob, read_state},
    filter::{before, push_filter, retained, sums},
    insert::Found,
};
use crate::{
    JobId, JobState, Result,
    broker::{JobFilter, Retention},
};

/// A [`Ledger`] on a [`PostgresDatabase`].
#[derive(Debug, Clone)]
pub struct PostgresLedger {
    database: PostgresDatabase,
}

impl PostgresLedger {
    /// Uses the ledger's tables in `database`.
    pub fn new(database: PostgresDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Ledger for PostgresLedger {
    async fn insert(
        &self,
        entries: &[&Entry],
        keep: Keep,
        now: Timestamp,
    ) -> Result<Vec<Inserted>> {
        self.database
            .call(Box::pin(async {
                let mut found = Found::default();
                let keyed = entries.iter().any(|entry| entry.key.is_some());
                if keep == Keep::Each && !keyed {
                    // The common case: one statement, committed by itself.
                    let mut connection = self.database.pool().acquire().await?;
                    add_jobs(&mut connection, entries, now, &mut found).await?;
                    return Ok(found.answers(entries));
                }
                let mut tx = self.database.pool().begin().await?;
                let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
                found.add_known(known(&mut tx, &ids).await?)?;
                let mut keys = KeyColumns::default();
                for (entry, key) in found.keys_to_take(entries) {
                    keys.push(key, entry.id, entry.body_hash, now);
                }
                found.add_holders(take_keys(&mut tx, &keys, now).await?)?;
                let mut kept =
                    keep == Keep::Each || (keep == Keep::AllOrNone && !found.refuses(entries));
                if kept {
                    let wanted = found.to_insert(entries);
                    add_jobs(&mut tx, &wanted, now, &mut found).await?;
                    // Somebody may have been faster with the same id.
                    kept = keep == Keep::Each || !found.refuses(entries);
                }
                if kept {
                    tx.commit().await?;
                } else {
                    tx.rollback().await?;
                }
                Ok(found.answers(entries))
            }))
            .await
    }

    async fn discard(&self, ids: &[JobId]) -> Result<()> {
        self.database
            .call(async {
                sqlx::query(include_str!(
                    "../../../queries/ledger/postgres/discard_jobs.sql"
                ))
                .bind(uuids(ids))
                .execute(self.database.pool())
                .await?;
                Ok(())
            })
            .await
    }

    async fn settle(&self, ends: &[Settlement], force: bool) -> Result<u64> {
        self.database
            .call(async {
                let columns = EndColumns::of(ends)?;
                let settled: i64 = sqlx::query_scalar(include_str!(
                    "../../../queries/ledger/postgres/settle_jobs.sql"
                ))
                .bind(force)
                .bind(columns.ids)
                .bind(columns.states)
                .bind(columns.dead_reasons)
                .bind(columns.started_at)
                .bind(columns.finished_at)
                .bind(columns.epochs)
                .bind(columns.attempts)
                .bind(columns.crashes)
                .bind(columns.max_attempts)
                .bind(columns.error_codes)
                .bind(columns.errors)
                .bind(columns.results)
                .fetch_one(self.database.pool())
                .await?;
                Ok(settled as u64)
            })
            .await
    }

    async fn note(&self, notes: &[Note]) -> Result<()> {
        self.database
            .call(async {
                let errors = notes
                    .iter()
                    .map(|note| errors_json(&note.errors))
                    .collect::<Result<Vec<_>, _>>()?;
                let codes: Vec<_> = notes.iter().map(|note| error_code(&note.errors)).collect();
                let numbers = |of: fn(&Note) -> u32| -> Vec<i32> {
                    notes.iter().map(|note| of(note) as i32).collect()
                };
                sqlx::query(include_str!(
                    "../../../queries/ledger/postgres/note_attempts.sql"
                ))
                .bind(
                    notes
                        .iter()
                        .map(|note| note.id.as_uuid())
                        .collect::<Vec<_>>(),
                )
                .bind(numbers(|note| note.attempt))
                .bind(numbers(|note| note.crashes))
                .bind(numbers(|note| note.max_attempts))
                .bind(codes)
                .bind(errors)
                .execute(self.database.pool())
                .await?;
                Ok(())
            })
            .await
    }

    async fn reopen(&self, job: &Reopen, now: Timestamp) -> Result<Reopened> {
        self.database
            .call(Box::pin(async {
                let mut tx = self.database.pool().begin().await?;
                if let Some(key @ EntryKey { ttl_ms: None, .. }) = job.key {
                    let mut keys = KeyColumns::default();
                    keys.push(key, job.id, job.body_hash, now);
                    let holders = take_keys(&mut tx, &keys, now).await?;
                    if job.only_with_key && holders.iter().any(|holder| holder.is_not(job.id)) {
                        return Ok(Reopened::KeyTaken);
                    }
                }
                let done = sqlx::query(include_str!(
                    "../../../queries/ledger/postgres/reopen_job.sql"
                ))
                .bind(job.id.as_uuid())
                .bind(&job.spec)
                .bind(job.epoch as i64)
                .bind(job.finished_at.as_millisecond())
                .execute(&mut *tx)
                .await?;
                if done.rows_affected() == 0 {
                    return Ok(Reopened::Missing);
                }
                tx.commit().await?;
                Ok(Reopened::Done)
            }))
            .await
    }

    async fn delete(&self, id: JobId) -> Result<bool> {
        self.database
            .call(async {
                let gone: i64 = sqlx::query_scalar(include_str!(
                    "../../../queries/ledger/postgres/delete_job.sql"
                ))
                .bind(id.as_uuid())
                .fetch_one(self.database.pool())
                .await?;
                Ok(gone > 0)
            })
            .await
    }

    async fn rewrite(&self, entry: &Entry) -> Result<bool> {
        self.database
            .call(async {
                let written: i64 = sqlx::query_scalar(include_str!(
                    "../../../queries/ledger/postgres/rewrite_job.sql"
                ))
                .bind(entry.id.as_uuid())
                .bind(&entry.spec)
                .bind(entry.body_hash)
                .fetch_one(self.database.pool())
                .await?;
                Ok(written > 0)
            })
            .await
    }

    async fn forget_epochs(&self, ids: &[JobId]) -> Result<()> {
        self.database
            .call(async {
                sqlx::query("UPDATE ledger_jobs SET epoch = 0, finished_at = NULL WHERE state = 'accepted' AND id = ANY($1)")
                    .bind(uuids(ids))
                    .execute(self.database.pool())
                    .await?;
                Ok(())
            })
            .await
    }

    async fn open_after(&self, seq: i64, limit: usize) -> Result<Vec<StoredJob>> {
        self.database
            .call(async {
                let mut query = QueryBuilder::<Postgres>::new("SELECT ");
                query
                    .push(COLUMNS)
                    .push(" FROM ledger_jobs WHERE state = 'accepted' AND seq > ")
                    .push_bind(seq)
                    .push(" ORDER BY seq LIMIT ")
                    .push_bind(limit as i64);
                Ok(query
                    .build_query_as()
                    .fetch_all(self.database.pool())
                    .await?)
            })
            .await
    }

    async fn newest_open(&self, before: Timestamp, limit: usize) -> Result<Vec<JobId>> {
        self.database
            .call(async {
                let ids: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM ledger_jobs WHERE state = 'accepted' AND submitted_at < $1 ORDER BY seq DESC LIMIT $2")
                    .bind(before.as_millisecond())
                    .bind(limit as i64)
                    .fetch_all(self.database.pool())
                    .await?;
                Ok(ids.into_iter().map(JobId::from).collect())
            })
            .await
    }

    async fn still_open(&self, ids: &[JobId]) -> Result<Vec<JobId>> {
        self.database
            .call(async {
                let ids: Vec<Uuid> = sqlx::query_scalar(
                    "SELECT id FROM ledger_jobs WHERE state = 'accepted' AND id = ANY($1)",
                )
                .bind(uuids(ids))
                .fetch_all(self.database.pool())
                .await?;
                Ok(ids.into_iter().map(JobId::from).collect())
            })
            .await
    }

    async fn get(&self, id: JobId) -> Result<Option<StoredJob>> {
        self.database
            .call(async {
                let mut query = QueryBuilder::<Postgres>::new("SELECT ");
                query
                    .push(COLUMNS)
                    .push(" FROM ledger_jobs WHERE id = ")
                    .push_bind(id.as_uuid());
                Ok(query
                    .build_query_as()
                    .fetch_optional(self.database.pool())
                    .await?)
            })
            .await
    }

    async fn history(
        &self,
        filter: &JobFilter,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<Vec<StoredJob>> {
        self.database
            .call(async {
                let mut query = QueryBuilder::<Postgres>::new("SELECT ");
                query
                    .push(COLUMNS)
                    .push(" FROM ledger_jobs WHERE state <> 'accepted'");
                push_filter(&mut query, filter);
                if let Some(before) = before {
                    query.push(" AND id < ").push_bind(before.as_uuid());
                }
                query
                    .push(" ORDER BY id DESC LIMIT ")
                    .push_bind(limit as i64);
                Ok(query
                    .build_query_as()
                    .fetch_all(self.database.pool())
                    .await?)
            })
            .await
    }

    async fn counts(&self, filter: &JobFilter) -> Result<Vec<(Option<JobState>, u64)>> {
        self.database
            .call(async {
                let mut query = QueryBuilder::<Postgres>::new(
                    "SELECT state, count(*) FROM ledger_jobs WHERE true",
                );
                push_filter(&mut query, filter);
                query.push(" GROUP BY state");
                let rows: Vec<(String, i64)> = query
                    .build_query_as()
                    .fetch_all(self.database.pool())
                    .await?;
                Ok(rows
                    .into_iter()
                    .map(|(state, count)| Ok((read_state(&state)?, count as u64)))
                    .collect::<Result<_>>()?)
            })
            .await
    }

    async fn prune(&self, retention: &Retention, now: Timestamp, limit: usize) -> Result<usize> {
        self.database
            .call(async {
                let mut pruned = 0;
                for (state, keep) in retained(retention) {
                    let gone: i64 = sqlx::query_scalar(include_str!(
                        "../../../queries/ledger/postgres/prune_jobs.sql"
                    ))
                    .bind(state.as_str())
                    .bind(before(now, keep))
                    .bind((limit - pruned) as i64)
                    .fetch_one(self.database.pool())
                    .await?;
                    pruned += gone as usize;
                }
                sqlx::query(include_str!(
                    "../../../queries/ledger/postgres/prune_keys.sql"
                ))
                .bind(now.as_millisecond())
                .bind(limit as i64)
                .execute(self.database.pool())
                .await?;
                Ok(pruned)
            })
            .await
    }

    async fn sums(&self) -> Result<Sums> {
        self.database
            .call(async {
                // One statement, one snapshot.
                let rows: Vec<(Option<String>, i64, i64)> =
                    sqlx::query_as(include_str!("../../../queries/ledger/postgres/sums.sql"))
                        .fetch_all(self.database.pool())
                        .await?;
                let mut counts = Vec::new();
                let mut totals = (0, 0);
                for (state, first, second) in rows {
                    match state {
                        Some(state) => counts.push((state, first)),
                        None => totals = (first, second),
                    }
                }
                Ok(sums(totals.0, totals.1, counts)?)
            })
            .await
    }

    async fn ping(&self) -> Result<()> {
        self.database
            .call(async {
                sqlx::query("SELECT 1")
                    .execute(self.database.pool())
                    .await?;
                Ok(())
            })
            .await
    }
}
