//! What a statement of the ledger takes and gives, as JSON.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::super::{
    columns::errors_json,
    contract::Settlement,
    entry::Entry,
    insert::{HolderRow, KnownRow},
};
use crate::{DeadReason, Error, JobId, Result};

/// Bounds the JSON of one statement.
pub(super) const ROWS_A_STATEMENT: usize = 1_000;

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Storage(#[from] sqlx::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Ledger(#[from] Error),
}

pub(super) fn hex(id: Uuid) -> String {
    id.simple().to_string()
}

pub(super) fn hexes(ids: &[JobId]) -> Vec<String> {
    ids.iter().map(|id| hex(id.as_uuid())).collect()
}

pub(super) fn bytes(id: &JobId) -> Vec<u8> {
    id.as_uuid().as_bytes().to_vec()
}

#[derive(Serialize)]
pub(super) struct EntryRow<'a> {
    pub(super) id: String,
    pub(super) body_hash: String,
    pub(super) max_attempts: u32,
    pub(super) queue: &'a str,
    pub(super) kind: &'a str,
    pub(super) tenant: &'a str,
    pub(super) tags: Option<String>,
    pub(super) spec: &'a str,
}

#[derive(Serialize)]
pub(super) struct EndRow<'a> {
    pub(super) id: String,
    pub(super) state: &'static str,
    pub(super) dead_reason: Option<&'static str>,
    pub(super) started_at: Option<i64>,
    pub(super) finished_at: i64,
    pub(super) epoch: u64,
    pub(super) attempt: u32,
    pub(super) crashes: u32,
    pub(super) max_attempts: u32,
    pub(super) error_code: Option<&'a str>,
    pub(super) errors: Option<String>,
    pub(super) result: Option<&'a str>,
}

pub(super) async fn take_keys(
    connection: &mut SqliteConnection,
    keys: &[(Uuid, Uuid, Uuid, Option<i64>)],
    now: Timestamp,
) -> Result<Vec<HolderRow>, StepError> {
    let mut holders = Vec::new();
    for keys in keys.chunks(ROWS_A_STATEMENT) {
        let rows: Vec<_> = keys
            .iter()
            .map(|(hash, id, body_hash, expires_at)| {
                json!({"hash": hex(*hash), "id": hex(*id), "body_hash": hex(*body_hash), "expires_at": expires_at})
            })
            .collect();
        let taken: Vec<Uuid> =
            sqlx::query_scalar(include_str!("../../../queries/ledger/sqlite/take_keys.sql"))
                .bind(serde_json::to_string(&rows)?)
                .bind(now.as_millisecond())
                .fetch_all(&mut *connection)
                .await?;
        if taken.len() < keys.len() {
            let hashes: Vec<_> = keys.iter().map(|(hash, ..)| hex(*hash)).collect();
            let rows: Vec<HolderRow> = sqlx::query_as(include_str!(
                "../../../queries/ledger/sqlite/key_holders.sql"
            ))
            .bind(serde_json::to_string(&hashes)?)
            .fetch_all(&mut *connection)
            .await?;
            holders.extend(rows);
        }
    }
    Ok(holders)
}

pub(super) async fn known(
    connection: &mut SqliteConnection,
    ids: &[JobId],
) -> Result<Vec<KnownRow>, StepError> {
    Ok(sqlx::query_as(include_str!(
        "../../../queries/ledger/sqlite/known_jobs.sql"
    ))
    .bind(serde_json::to_string(&hexes(ids))?)
    .fetch_all(connection)
    .await?)
}

pub(super) async fn add_jobs(
    connection: &mut SqliteConnection,
    entries: &[&Entry],
    now: Timestamp,
) -> Result<Vec<Uuid>, StepError> {
    let mut new = Vec::with_capacity(entries.len());
    for entries in entries.chunks(ROWS_A_STATEMENT) {
        let rows = entries
            .iter()
            .map(|entry| {
                Ok(EntryRow {
                    id: hex(entry.id.as_uuid()),
                    body_hash: hex(entry.body_hash),
                    max_attempts: entry.max_attempts,
                    queue: &entry.queue,
                    kind: &entry.kind,
                    tenant: &entry.tenant,
                    tags: (!entry.tags.is_empty())
                        .then(|| serde_json::to_string(&entry.tags))
                        .transpose()?,
                    spec: &entry.spec,
                })
            })
            .collect::<Result<Vec<_>, serde_json::Error>>()?;
        let ids: Vec<Uuid> = sqlx::query_scalar(include_str!(
            "../../../queries/ledger/sqlite/insert_jobs.sql"
        ))
        .bind(serde_json::to_string(&rows)?)
        .bind(now.as_millisecond())
        .fetch_all(&mut *connection)
        .await?;
        new.extend(ids);
    }
    sqlx::query("UPDATE ledger_totals SET accepted = accepted + ?1")
        .bind(new.len() as i64)
        .execute(connection)
        .await?;
    Ok(new)
}

pub(super) fn end_row(end: &Settlement) -> Result<EndRow<'_>, serde_json::Error> {
    Ok(EndRow {
        id: hex(end.id.as_uuid()),
        state: end.state.as_str(),
        dead_reason: end.dead_reason.map(DeadReason::as_str),
        started_at: end.started_at.map(Timestamp::as_millisecond),
        finished_at: end.finished_at.as_millisecond(),
        epoch: end.epoch,
        attempt: end.attempt,
        crashes: end.crashes,
        max_attempts: end.max_attempts,
        error_code: end.errors.last().map(|error| error.error.code.as_str()),
        errors: errors_json(&end.errors)?,
        result: end.result.as_deref(),
    })
}
