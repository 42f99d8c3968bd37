//! Reads rows of `jobs`, alone or with their specs.

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    engine::StepError,
    row::{hex, read},
};
use crate::{JobId, rules::row::JobRow};

/// Loads rows by `seq`, in no order; missing ones are left out.
pub(super) async fn rows_by_seq(
    connection: &mut SqliteConnection,
    seqs: &[i64],
) -> Result<Vec<JobRow>, StepError> {
    let rows = sqlx::query("SELECT * FROM jobs WHERE seq IN (SELECT value FROM json_each(?1))")
        .bind(serde_json::to_string(seqs)?)
        .fetch_all(connection)
        .await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Loads rows by id, in no order; missing ones are left out.
pub(super) async fn rows_by_id(
    connection: &mut SqliteConnection,
    ids: impl IntoIterator<Item = JobId>,
) -> Result<Vec<JobRow>, StepError> {
    let ids: Vec<_> = ids.into_iter().map(hex).collect();
    let rows =
        sqlx::query("SELECT * FROM jobs WHERE id IN (SELECT unhex(value) FROM json_each(?1))")
            .bind(serde_json::to_string(&ids)?)
            .fetch_all(connection)
            .await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Loads rows with their specs by `seq`, in no order.
pub(super) async fn with_specs(
    connection: &mut SqliteConnection,
    seqs: &[i64],
) -> Result<Vec<(JobRow, String)>, StepError> {
    let rows = sqlx::query(
        "SELECT jobs.*, spec FROM jobs JOIN job_specs USING (seq) WHERE seq IN (SELECT value FROM json_each(?1))",
    )
    .bind(serde_json::to_string(seqs)?)
    .fetch_all(connection)
    .await?;
    rows.iter().map(row_and_spec).collect()
}

/// Loads one row with its spec.
pub(super) async fn one_with_spec(
    connection: &mut SqliteConnection,
    id: JobId,
) -> Result<(JobRow, String), StepError> {
    let row = sqlx::query("SELECT jobs.*, spec FROM jobs JOIN job_specs USING (seq) WHERE id = ?1")
        .bind(id.as_uuid().as_bytes().as_slice())
        .fetch_optional(connection)
        .await?
        .ok_or(crate::Error::NotFound(id))?;
    row_and_spec(&row)
}

/// Splits a row of `SELECT jobs.*, spec`.
pub(super) fn row_and_spec(row: &SqliteRow) -> Result<(JobRow, String), StepError> {
    Ok((read(row)?, row.try_get("spec")?))
}
