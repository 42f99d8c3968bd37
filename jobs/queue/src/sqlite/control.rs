//! What people ask for: cancel, retry, pause, limits.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    engine::{StepError, Tx, Verb},
    load,
    row::{hex, record},
    scopes::{self, columns},
    submit::TAKE_UNIQUE_KEYS,
    sweep,
};
use crate::{
    JobId, JobRecord, NewJob,
    broker::{Limits, Scope},
    rules::{self, row::JobRow},
};

/// Asks the writer for the time: shows that it answers.
pub(super) struct Now;

#[async_trait]
impl Verb for Now {
    type Output = i64;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<i64, StepError> {
        Ok(tx.now)
    }
}

/// See [`crate::Broker::cancel`].
pub(super) struct Cancel(pub(super) JobId);

#[async_trait]
impl Verb for Cancel {
    type Output = JobRecord;
    const DURABLE: bool = true;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<JobRecord, StepError> {
        let (mut row, spec) = load::one_with_spec(tx.connection, self.0).await?;
        rules::control::cancel(&mut row, tx.now)?;
        let record = record(row.clone(), &spec)?;
        tx.changes.push(row, tx.now);
        Ok(record)
    }
}

/// See [`crate::Broker::retry`].
pub(super) struct Retry(pub(super) JobId);

#[async_trait]
impl Verb for Retry {
    type Output = JobRecord;
    const DURABLE: bool = true;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<JobRecord, StepError> {
        let (mut row, spec) = load::one_with_spec(tx.connection, self.0).await?;
        if rules::control::retry(&mut row, tx.now)? {
            retake_unique_key(tx, &row).await?;
            sqlx::query("DELETE FROM job_dependencies WHERE seq = ?1")
                .bind(row.seq)
                .execute(&mut *tx.connection)
                .await?;
        }
        let record = record(row.clone(), &spec)?;
        tx.changes.push(row, tx.now);
        Ok(record)
    }
}

/// An ended job has given its key away; it may only come back where nobody else has it.
async fn retake_unique_key(tx: &mut Tx<'_>, row: &JobRow) -> Result<(), StepError> {
    let Some(key) = rules::control::key_to_retake(row) else {
        return Ok(());
    };
    let taken = sqlx::query("SELECT 1 FROM job_unique_keys WHERE tenant = ?1 AND kind = ?2 AND unique_key = ?3 AND (expires_at IS NULL OR expires_at > ?4)")
        .bind(&row.tenant)
        .bind(&row.kind)
        .bind(key)
        .bind(tx.now)
        .fetch_optional(&mut *tx.connection)
        .await?;
    if taken.is_some() {
        return Err(rules::control::key_is_taken(row, key).into());
    }
    let key = serde_json::json!([{
        "tenant": row.tenant, "kind": row.kind, "unique_key": key, "id": hex(row.id),
        "body_hash": row.body_hash, "expires_at": null,
    }]);
    sqlx::query(TAKE_UNIQUE_KEYS)
        .bind(key.to_string())
        .execute(&mut *tx.connection)
        .await?;
    Ok(())
}

/// See [`crate::Broker::snooze`].
pub(super) struct Snooze {
    pub(super) id: JobId,
    pub(super) until: Timestamp,
}

#[async_trait]
impl Verb for Snooze {
    type Output = JobRecord;
    const DURABLE: bool = true;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<JobRecord, StepError> {
        let (mut row, spec) = load::one_with_spec(tx.connection, self.id).await?;
        rules::control::snooze(&mut row, self.until.as_millisecond(), tx.now)?;
        let record = record(row.clone(), &spec)?;
        tx.changes.push(row, tx.now);
        Ok(record)
    }
}

/// See [`crate::Broker::delete`].
pub(super) struct Delete(pub(super) JobId);

#[async_trait]
impl Verb for Delete {
    type Output = ();
    const DURABLE: bool = true;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StepError> {
        let (row, _) = load::one_with_spec(tx.connection, self.0).await?;
        rules::control::check_delete(row.id, row.state)?;
        sweep::delete(tx, &[row]).await
    }
}

/// See [`crate::Broker::set_payload`].
pub(super) struct SetPayload {
    pub(super) id: JobId,
    pub(super) payload: Value,
}

#[async_trait]
impl Verb for SetPayload {
    type Output = JobRecord;
    const DURABLE: bool = true;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<JobRecord, StepError> {
        let (mut row, spec) = load::one_with_spec(tx.connection, self.id).await?;
        let payload =
            rules::control::check_new_payload(self.id, row.state, &self.payload, tx.options)?;
        let mut new: NewJob = row.json(&spec, "spec")?;
        new.payload = self.payload.clone();
        let spec = serde_json::to_string(&new)?;
        row.body_hash = rules::check::body_hash_text(&row.kind, &payload);
        let record = record(row.clone(), &spec)?;
        for (statement, value) in [
            ("UPDATE job_specs SET spec = ?2 WHERE seq = ?1", &spec),
            (
                "UPDATE jobs SET body_hash = ?2 WHERE seq = ?1",
                &row.body_hash,
            ),
            (
                "UPDATE job_unique_keys SET body_hash = ?2 WHERE id = (SELECT id FROM jobs WHERE seq = ?1)",
                &row.body_hash,
            ),
        ] {
            sqlx::query(statement)
                .bind(row.seq)
                .bind(value)
                .execute(&mut *tx.connection)
                .await?;
        }
        Ok(record)
    }
}

/// See [`crate::Broker::set_paused`].
pub(super) struct SetPaused {
    pub(super) scope: Scope,
    pub(super) paused: bool,
}

#[async_trait]
impl Verb for SetPaused {
    type Output = ();
    const DURABLE: bool = true;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StepError> {
        let (scope, name) = columns(&self.scope);
        sqlx::query("INSERT INTO job_scopes (scope, name, paused) VALUES (?1, ?2, ?3) ON CONFLICT (scope, name) DO UPDATE SET paused = excluded.paused")
            .bind(scope)
            .bind(name)
            .bind(self.paused)
            .execute(&mut *tx.connection)
            .await?;
        reload(tx).await
    }
}

/// See [`crate::Broker::set_limits`].
pub(super) struct SetLimits {
    pub(super) scope: Scope,
    pub(super) limits: Limits,
}

#[async_trait]
impl Verb for SetLimits {
    type Output = ();
    const DURABLE: bool = true;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StepError> {
        rules::control::check_limits(self.limits)?;
        let (scope, name) = columns(&self.scope);
        sqlx::query(include_str!("../../queries/set_limits.sql"))
            .bind(scope)
            .bind(name)
            .bind(self.limits.concurrency)
            .bind(self.limits.rate_per_s)
            .bind(self.limits.burst)
            .bind(self.limits.weight)
            .execute(&mut *tx.connection)
            .await?;
        reload(tx).await
    }
}

/// Forgets scopes that say nothing, and reads the rest.
async fn reload(tx: &mut Tx<'_>) -> Result<(), StepError> {
    sqlx::query(
        "DELETE FROM job_scopes WHERE paused = 0 AND concurrency IS NULL AND rate_per_s IS NULL AND weight IS NULL",
    )
    .execute(&mut *tx.connection)
    .await?;
    let before = tx.memory.scopes.take();
    tx.memory.scopes = Some(scopes::load(tx.connection, before.as_ref(), tx.now).await?);
    Ok(())
}
