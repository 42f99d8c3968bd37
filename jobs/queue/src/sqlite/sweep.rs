//! What time does to jobs: they become due, they expire, their lease runs out, their retention ends.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::{
    engine::{StepError, Tx, Verb},
    load,
    row::{hex, read},
};
use crate::{
    JobState,
    broker::{Rescued, Retention},
    rules::{self, row::JobRow, sweep::before},
};

/// See [`crate::Broker::promote_due`].
pub(super) struct PromoteDue {
    pub(super) limit: usize,
}

#[async_trait]
impl Verb for PromoteDue {
    type Output = usize;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<usize, StepError> {
        // Expiry first: what is due and expired must not run.
        let expired = find(
            tx.connection,
            include_str!("../../queries/expired_jobs.sql"),
            tx.now,
            self.limit,
        )
        .await?;
        let killed = expired.len();
        for mut row in expired {
            rules::sweep::expire(&mut row, tx.now, tx.options)?;
            tx.changes.push(row, tx.now);
        }
        tx.flush().await?;
        let due = find(
            tx.connection,
            include_str!("../../queries/due_jobs.sql"),
            tx.now,
            self.limit - killed,
        )
        .await?;
        let promoted = due.len();
        for mut row in due {
            rules::sweep::promote(&mut row, tx.now)?;
            tx.changes.push(row, tx.now);
        }
        Ok(killed + promoted)
    }
}

/// See [`crate::Broker::rescue_expired`].
pub(super) struct RescueExpired {
    pub(super) limit: usize,
}

#[async_trait]
impl Verb for RescueExpired {
    type Output = Vec<Rescued>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Rescued>, StepError> {
        let lost = find(
            tx.connection,
            include_str!("../../queries/lost_leases.sql"),
            tx.now,
            self.limit,
        )
        .await?;
        let mut rescued = Vec::with_capacity(lost.len());
        for mut row in lost {
            rescued.push(rules::sweep::rescue(&mut row, tx.now, tx.options)?);
            tx.changes.push(row, tx.now);
        }
        Ok(rescued)
    }
}

/// See [`crate::Broker::prune`].
pub(super) struct Prune {
    pub(super) retention: Retention,
    pub(super) limit: usize,
}

#[async_trait]
impl Verb for Prune {
    type Output = usize;

    fn weight(&self) -> usize {
        self.limit
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<usize, StepError> {
        let mut pruned = 0;
        for (state, keep) in [
            (JobState::Completed, self.retention.completed),
            (JobState::Cancelled, self.retention.cancelled),
            (JobState::Dead, self.retention.dead),
        ] {
            let rows = ended_before(tx, state, keep, self.limit - pruned).await?;
            pruned += rows.len();
            delete(tx, &rows).await?;
        }
        for statement in [
            include_str!("../../queries/prune_events.sql"),
            include_str!("../../queries/prune_unique_keys.sql"),
        ] {
            let keep = if statement.contains("job_events") {
                self.retention.events
            } else {
                Duration::ZERO
            };
            sqlx::query(statement)
                .bind(before(tx.now, keep))
                .bind(self.limit as i64)
                .execute(&mut *tx.connection)
                .await?;
        }
        Ok(pruned)
    }
}

async fn ended_before(
    tx: &mut Tx<'_>,
    state: JobState,
    keep: Duration,
    limit: usize,
) -> Result<Vec<JobRow>, StepError> {
    let rows = sqlx::query(
        "SELECT * FROM jobs WHERE state = ?1 AND finished_at IS NOT NULL AND finished_at <= ?2 ORDER BY finished_at LIMIT ?3",
    )
    .bind(state.as_str())
    .bind(before(tx.now, keep))
    .bind(limit as i64)
    .fetch_all(&mut *tx.connection)
    .await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Deletes ended jobs; keys that outlive them keep the last state.
pub(super) async fn delete(tx: &mut Tx<'_>, rows: &[JobRow]) -> Result<(), StepError> {
    if rows.is_empty() {
        return Ok(());
    }
    let ended: Vec<_> = rows
        .iter()
        .filter(|row| row.unique_ttl_ms.is_some())
        .map(|row| {
            (
                hex(row.id),
                row.state.as_str(),
                &row.tenant,
                &row.kind,
                &row.unique_key,
            )
        })
        .collect();
    if !ended.is_empty() {
        sqlx::query(include_str!("../../queries/keep_ended_state.sql"))
            .bind(serde_json::to_string(&ended)?)
            .execute(&mut *tx.connection)
            .await?;
    }
    let seqs: Vec<_> = rows.iter().map(|row| row.seq).collect();
    sqlx::query("DELETE FROM jobs WHERE seq IN (SELECT value FROM json_each(?1))")
        .bind(serde_json::to_string(&seqs)?)
        .execute(&mut *tx.connection)
        .await?;
    sqlx::query("UPDATE job_totals SET pruned = pruned + ?1")
        .bind(rows.len() as i64)
        .execute(&mut *tx.connection)
        .await?;
    for row in rows {
        tx.changes.pruned(row);
    }
    Ok(())
}

async fn find(
    connection: &mut SqliteConnection,
    statement: &'static str,
    now: i64,
    limit: usize,
) -> Result<Vec<JobRow>, StepError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let seqs: Vec<i64> = sqlx::query_scalar(statement)
        .bind(now)
        .bind(limit as i64)
        .fetch_all(&mut *connection)
        .await?;
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows = load::rows_by_seq(connection, &seqs).await?;
    rows.sort_by_key(|row| (row.run_at, row.seq));
    Ok(rows)
}
