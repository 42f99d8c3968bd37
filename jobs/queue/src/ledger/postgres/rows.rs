//! What a statement of the ledger takes and gives, as arrays.

use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    super::{
        columns::errors_json,
        contract::Settlement,
        entry::{Entry, EntryKey},
        insert::{Found, HolderRow, KnownRow},
    },
    connection::StepError,
};
use crate::{DeadReason, JobId, Result, job::AttemptError};

/// Unique keys as `take_keys.sql` takes them.
#[derive(Default)]
pub(super) struct KeyColumns {
    pub(super) hashes: Vec<Uuid>,
    pub(super) ids: Vec<Uuid>,
    pub(super) body_hashes: Vec<Uuid>,
    pub(super) expire_at: Vec<Option<i64>>,
}

impl KeyColumns {
    pub(super) fn push(&mut self, key: EntryKey, id: JobId, body_hash: Uuid, now: Timestamp) {
        self.hashes.push(key.hash);
        self.ids.push(id.as_uuid());
        self.body_hashes.push(body_hash);
        self.expire_at.push(key.expires_at(now));
    }
}

pub(super) fn uuids(ids: &[JobId]) -> Vec<Uuid> {
    ids.iter().map(JobId::as_uuid).collect()
}

/// Takes keys; returns who holds those that could not be taken.
pub(super) async fn take_keys(
    connection: &mut PgConnection,
    keys: &KeyColumns,
    now: Timestamp,
) -> Result<Vec<HolderRow>, StepError> {
    if keys.hashes.is_empty() {
        return Ok(Vec::new());
    }
    let taken: Vec<Uuid> = sqlx::query_scalar(include_str!(
        "../../../queries/ledger/postgres/take_keys.sql"
    ))
    .bind(now.as_millisecond())
    .bind(&keys.hashes)
    .bind(&keys.ids)
    .bind(&keys.body_hashes)
    .bind(&keys.expire_at)
    .fetch_all(&mut *connection)
    .await?;
    if taken.len() == keys.hashes.len() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(include_str!(
        "../../../queries/ledger/postgres/key_holders.sql"
    ))
    .bind(&keys.hashes)
    .fetch_all(connection)
    .await?)
}

pub(super) async fn known(
    connection: &mut PgConnection,
    ids: &[JobId],
) -> Result<Vec<KnownRow>, StepError> {
    Ok(sqlx::query_as(include_str!(
        "../../../queries/ledger/postgres/known_jobs.sql"
    ))
    .bind(uuids(ids))
    .fetch_all(connection)
    .await?)
}

/// Adds jobs, and notes which were new and which had been added meanwhile.
pub(super) async fn add_jobs(
    connection: &mut PgConnection,
    entries: &[&Entry],
    now: Timestamp,
    found: &mut Found,
) -> Result<(), StepError> {
    if entries.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = entries.iter().map(|entry| entry.id.as_uuid()).collect();
    let body_hashes: Vec<_> = entries.iter().map(|entry| entry.body_hash).collect();
    let max_attempts: Vec<_> = entries
        .iter()
        .map(|entry| entry.max_attempts as i32)
        .collect();
    let queues: Vec<_> = entries.iter().map(|entry| entry.queue.as_str()).collect();
    let kinds: Vec<_> = entries.iter().map(|entry| entry.kind.as_str()).collect();
    let tenants: Vec<_> = entries.iter().map(|entry| entry.tenant.as_str()).collect();
    let tags = entries
        .iter()
        .map(|entry| {
            (!entry.tags.is_empty())
                .then(|| serde_json::to_string(&entry.tags))
                .transpose()
        })
        .collect::<Result<Vec<_>, _>>()?;
    let specs: Vec<_> = entries.iter().map(|entry| entry.spec.as_str()).collect();
    let new: Vec<Uuid> = sqlx::query_scalar(include_str!(
        "../../../queries/ledger/postgres/insert_jobs.sql"
    ))
    .bind(now.as_millisecond())
    .bind(ids)
    .bind(body_hashes)
    .bind(max_attempts)
    .bind(queues)
    .bind(kinds)
    .bind(tenants)
    .bind(tags)
    .bind(specs)
    .fetch_all(&mut *connection)
    .await?;
    if new.len() < entries.len() {
        found.add_new(new);
        let overtaken = found.overtaken(entries);
        found.add_known(known(connection, &overtaken).await?)?;
    }
    Ok(())
}

/// Ends as `settle_jobs.sql` takes them.
#[derive(Default)]
pub(super) struct EndColumns<'a> {
    pub(super) ids: Vec<Uuid>,
    pub(super) states: Vec<&'static str>,
    pub(super) dead_reasons: Vec<Option<&'static str>>,
    pub(super) started_at: Vec<Option<i64>>,
    pub(super) finished_at: Vec<i64>,
    pub(super) epochs: Vec<i64>,
    pub(super) attempts: Vec<i32>,
    pub(super) crashes: Vec<i32>,
    pub(super) max_attempts: Vec<i32>,
    pub(super) error_codes: Vec<Option<String>>,
    pub(super) errors: Vec<Option<String>>,
    pub(super) results: Vec<Option<&'a str>>,
}

impl<'a> EndColumns<'a> {
    pub(super) fn of(ends: &'a [Settlement]) -> Result<Self, StepError> {
        let mut columns = Self::default();
        for end in ends {
            columns.ids.push(end.id.as_uuid());
            columns.states.push(end.state.as_str());
            columns
                .dead_reasons
                .push(end.dead_reason.map(DeadReason::as_str));
            columns
                .started_at
                .push(end.started_at.map(Timestamp::as_millisecond));
            columns.finished_at.push(end.finished_at.as_millisecond());
            columns.epochs.push(end.epoch as i64);
            columns.attempts.push(end.attempt as i32);
            columns.crashes.push(end.crashes as i32);
            columns.max_attempts.push(end.max_attempts as i32);
            columns.error_codes.push(error_code(&end.errors));
            columns.errors.push(errors_json(&end.errors)?);
            columns.results.push(end.result.as_deref());
        }
        Ok(columns)
    }
}

/// The code of the last error, without what `text` cannot hold.
pub(super) fn error_code(errors: &[AttemptError]) -> Option<String> {
    errors
        .last()
        .map(|error| error.error.code.replace('\0', "�"))
}
