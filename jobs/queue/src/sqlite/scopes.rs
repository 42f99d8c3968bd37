//! Pauses and limits as rows of `job_scopes`.

use std::collections::HashMap;

use serde_json::json;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::engine::StepError;
use crate::{
    broker::{Limits, Scope},
    rules::scopes::Scopes,
};

/// Reads them all. Buckets keep their level where `before` knows them.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    before: Option<&Scopes>,
    now: i64,
) -> Result<Scopes, StepError> {
    let rows = sqlx::query("SELECT * FROM job_scopes")
        .fetch_all(connection)
        .await?;
    let mut scopes = Scopes::default();
    for row in &rows {
        let (scope, paused, limits) = read(row)?;
        scopes.set(scope, paused, limits, now);
    }
    if let Some(before) = before {
        scopes.keep_buckets(before);
    }
    Ok(scopes)
}

/// Reads a row of `job_scopes`.
pub(super) fn read(row: &SqliteRow) -> Result<(Scope, bool, Limits), StepError> {
    let name = row.try_get("name")?;
    let scope = match row.try_get::<&str, _>("scope")? {
        "queue" => Scope::Queue(name),
        "kind" => Scope::Kind(name),
        _ => Scope::Tenant(name),
    };
    let limits = Limits {
        concurrency: row.try_get("concurrency")?,
        rate_per_s: row.try_get("rate_per_s")?,
        burst: row.try_get("burst")?,
        weight: row.try_get("weight")?,
    };
    Ok((scope, row.try_get("paused")?, limits))
}

/// Splits a scope into its two columns.
pub(super) fn columns(scope: &Scope) -> (&'static str, &str) {
    match scope {
        Scope::Queue(name) => ("queue", name),
        Scope::Kind(name) => ("kind", name),
        Scope::Tenant(name) => ("tenant", name),
    }
}

/// Counts the running jobs of each scope.
pub(super) async fn running(
    connection: &mut SqliteConnection,
    scopes: &[Scope],
) -> Result<HashMap<Scope, u64>, StepError> {
    if scopes.is_empty() {
        return Ok(HashMap::new());
    }
    let wanted: Vec<_> = scopes
        .iter()
        .map(|scope| {
            let (scope, name) = columns(scope);
            json!([scope, name])
        })
        .collect();
    let rows = sqlx::query(include_str!("../../queries/count_running.sql"))
        .bind(serde_json::to_string(&wanted)?)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let name = row.try_get("name")?;
            let scope = match row.try_get::<&str, _>("scope")? {
                "queue" => Scope::Queue(name),
                "kind" => Scope::Kind(name),
                _ => Scope::Tenant(name),
            };
            Ok((scope, row.try_get::<i64, _>("running")? as u64))
        })
        .collect()
}
