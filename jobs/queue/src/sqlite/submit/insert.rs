//! Writes accepted jobs, one statement a table.

use serde::Serialize;
use serde_json::json;
use sqlx::SqliteConnection;

use super::super::{
    engine::{StepError, Tx},
    row::hex,
};
use crate::rules::{check::Prepared, submit};

/// Takes unique keys, rows as a JSON array; used by submit and by retry.
pub(in crate::sqlite) const TAKE_UNIQUE_KEYS: &str =
    include_str!("../../../queries/take_unique_keys.sql");

/// Bounds the JSON of one statement.
const ROWS_A_STATEMENT: usize = 1_000;
const BYTES_A_STATEMENT: usize = 8 << 20;

/// A row as `insert_jobs.sql` takes it.
#[derive(Serialize)]
struct InsertedRow<'a> {
    seq: i64,
    id: String,
    queue: &'a str,
    kind: &'a str,
    tenant: &'a str,
    priority: u8,
    schema_version: u32,
    body_hash: &'a str,
    max_attempts: u32,
    backoff_base_ms: i64,
    backoff_max_ms: i64,
    unique_key: Option<&'a str>,
    unique_ttl_ms: Option<i64>,
    expires_at: Option<i64>,
    deadline: Option<i64>,
    submitted_at: i64,
    state: &'static str,
    pending: u32,
    run_at: i64,
    kill_at: Option<i64>,
}

/// A job as it was submitted, and what was decided about it.
pub(super) type Accepted<'a> = (&'a Prepared, submit::Accepted);

/// Writes them all.
pub(super) async fn store(tx: &mut Tx<'_>, accepted: &[Accepted<'_>]) -> Result<(), StepError> {
    for part in accepted.chunks(ROWS_A_STATEMENT) {
        let rows: Vec<_> = part.iter().map(inserted_row).collect();
        insert(
            tx.connection,
            include_str!("../../../queries/insert_jobs.sql"),
            &rows,
        )
        .await?;
        store_specs(tx.connection, part).await?;
        let tags: Vec<_> = part
            .iter()
            .flat_map(|(prepared, job)| {
                let tags = prepared.job.tags.iter();
                tags.map(|tag| json!([tag, job.row.seq]))
            })
            .collect();
        insert(
            tx.connection,
            "INSERT OR IGNORE INTO job_tags (tag, seq) SELECT value ->> 0, value ->> 1 FROM json_each(?1)",
            &tags,
        )
        .await?;
        let dependencies: Vec<_> = part
            .iter()
            .flat_map(|(_, job)| {
                let waits_for = job.waits_for.iter();
                waits_for.map(|id| json!([hex(*id), job.row.seq]))
            })
            .collect();
        insert(
            tx.connection,
            "INSERT INTO job_dependencies (on_id, seq) SELECT unhex(value ->> 0), value ->> 1 FROM json_each(?1)",
            &dependencies,
        )
        .await?;
        let keys: Vec<_> = part.iter().filter_map(unique_row).collect();
        insert(tx.connection, TAKE_UNIQUE_KEYS, &keys).await?;
        for (_, job) in part {
            tx.changes.accepted(&job.row, tx.now);
        }
    }
    sqlx::query("UPDATE job_totals SET accepted = accepted + ?1")
        .bind(accepted.len() as i64)
        .execute(&mut *tx.connection)
        .await?;
    Ok(())
}

fn inserted_row<'a>((prepared, job): &'a Accepted<'_>) -> InsertedRow<'a> {
    let row = &job.row;
    let limit = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    InsertedRow {
        seq: row.seq,
        id: hex(row.id),
        queue: &row.queue,
        kind: &row.kind,
        tenant: &row.tenant,
        priority: prepared.job.priority as u8,
        schema_version: prepared.job.schema_version,
        body_hash: &row.body_hash,
        max_attempts: row.max_attempts,
        backoff_base_ms: limit(row.backoff.base_ms),
        backoff_max_ms: limit(row.backoff.max_ms),
        unique_key: row.unique_key.as_deref(),
        unique_ttl_ms: row.unique_ttl_ms,
        expires_at: row.expires_at,
        deadline: row.deadline,
        submitted_at: row.submitted_at,
        state: row.state.as_str(),
        pending: row.pending,
        run_at: row.run_at,
        kill_at: row.kill_at,
    }
}

fn unique_row((_, job): &Accepted<'_>) -> Option<serde_json::Value> {
    let row = &job.row;
    let key = row.unique_key.as_ref()?;
    let expires_at = row
        .unique_ttl_ms
        .map(|ms| row.submitted_at.saturating_add(ms));
    Some(json!({
        "tenant": row.tenant, "kind": row.kind, "unique_key": key, "id": hex(row.id),
        "body_hash": row.body_hash, "expires_at": expires_at,
    }))
}

/// Writes specs in statements of bounded size.
async fn store_specs(
    connection: &mut SqliteConnection,
    part: &[Accepted<'_>],
) -> Result<(), StepError> {
    let mut rows = Vec::new();
    let mut bytes = 0;
    for (index, (prepared, job)) in part.iter().enumerate() {
        bytes += prepared.spec.len();
        rows.push((job.row.seq, prepared.spec.as_str()));
        if bytes >= BYTES_A_STATEMENT || index + 1 == part.len() {
            insert(
                connection,
                "INSERT INTO job_specs (seq, spec) SELECT value ->> 0, value ->> 1 FROM json_each(?1)",
                &rows,
            )
            .await?;
            rows.clear();
            bytes = 0;
        }
    }
    Ok(())
}

async fn insert<T: Serialize>(
    connection: &mut SqliteConnection,
    statement: &'static str,
    rows: &[T],
) -> Result<(), StepError> {
    if !rows.is_empty() {
        sqlx::query(statement)
            .bind(serde_json::to_string(rows)?)
            .execute(connection)
            .await?;
    }
    Ok(())
}
