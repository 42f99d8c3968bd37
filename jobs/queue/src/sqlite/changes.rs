//! What one transaction changes, collected and then written with one statement per table.
//!
//! Every state change goes through [`Changes::push`], which derives from it all that must change in the same
//! transaction: the event, the counters, the unique key, the jobs that waited for this one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::json;
use sqlx::SqliteConnection;

use super::{
    engine::StepError,
    row::{hex, saved},
};
use crate::{
    DeadReason, JobId, JobState,
    rules::{self, row::JobRow},
};

/// Rows of one statement: bounds the JSON that is built for it.
const ROWS_A_STATEMENT: usize = 1_000;

/// Collects changes; [`Changes::flush`] writes them.
#[derive(Debug, Default)]
pub(super) struct Changes {
    rows: Vec<JobRow>,
    events: Vec<EventRow>,
    counts: BTreeMap<Lane, i64>,
    settled: Vec<JobId>,
    freed_keys: Vec<[String; 3]>,
    run_times: BTreeMap<String, (f64, u64)>,
    /// Queues in which something became ready.
    pub(super) woken: BTreeSet<String>,
}

#[derive(Debug, Serialize)]
struct EventRow {
    job_id: String,
    kind: String,
    queue: String,
    state: &'static str,
    attempt: u32,
    dead_reason: Option<&'static str>,
    at: i64,
}

/// What jobs are counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lane {
    queue: String,
    state: &'static str,
    kind: String,
    tenant: String,
}

impl Changes {
    /// Takes a changed row.
    pub(super) fn push(&mut self, row: JobRow, now: i64) {
        if row.state != row.loaded {
            self.count(&row, row.loaded, -1);
            self.note_entered(&row, now);
        }
        self.rows.push(row);
    }

    /// Takes a row that is being inserted by the caller.
    pub(super) fn accepted(&mut self, row: &JobRow, now: i64) {
        self.note_entered(row, now);
    }

    /// Takes a row that is being deleted by the caller.
    pub(super) fn pruned(&mut self, row: &JobRow) {
        self.count(row, row.state, -1);
    }

    /// Takes the run time of an attempt that ended well.
    pub(super) fn ran(&mut self, kind: &str, run_ms: i64) {
        let (sum, samples) = self.run_times.entry(kind.to_owned()).or_default();
        *sum += run_ms.max(0) as f64;
        *samples += 1;
    }

    fn note_entered(&mut self, row: &JobRow, now: i64) {
        self.count(row, row.state, 1);
        self.events.push(EventRow {
            job_id: hex(row.id),
            kind: row.kind.clone(),
            queue: row.queue.clone(),
            state: row.state.as_str(),
            attempt: row.attempt,
            dead_reason: row.dead_reason.map(DeadReason::as_str),
            at: now,
        });
        if row.state == JobState::Ready {
            self.woken.insert(row.queue.clone());
        }
        if row.state.is_terminal() {
            self.settled.push(row.id);
            if let (Some(key), None) = (&row.unique_key, row.unique_ttl_ms) {
                self.freed_keys
                    .push([row.tenant.clone(), row.kind.clone(), key.clone()]);
            }
        }
    }

    fn count(&mut self, row: &JobRow, state: JobState, difference: i64) {
        let lane = Lane {
            queue: row.queue.clone(),
            state: state.as_str(),
            kind: row.kind.clone(),
            tenant: row.tenant.clone(),
        };
        *self.counts.entry(lane).or_default() += difference;
    }

    /// Writes everything but what only [`Changes::finish`] may: may be called several times in a transaction, so that
    /// a verb sees what an earlier one did.
    pub(super) async fn flush(
        &mut self,
        connection: &mut SqliteConnection,
        now: i64,
    ) -> Result<(), StepError> {
        self.save_rows(connection).await?;
        if !self.freed_keys.is_empty() {
            let keys = serde_json::to_string(&std::mem::take(&mut self.freed_keys))?;
            sqlx::query(include_str!("../../queries/free_unique_keys.sql"))
                .bind(keys)
                .execute(&mut *connection)
                .await?;
        }
        self.wake_dependants(connection, now).await?;
        self.save_rows(connection).await?;
        self.save_counts(connection).await
    }

    /// Writes what nobody reads within the transaction: events and run times.
    pub(super) async fn finish(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), StepError> {
        let events = std::mem::take(&mut self.events);
        for events in events.chunks(ROWS_A_STATEMENT) {
            sqlx::query(include_str!("../../queries/add_events.sql"))
                .bind(serde_json::to_string(events)?)
                .execute(&mut *connection)
                .await?;
        }
        let run_times = std::mem::take(&mut self.run_times);
        if !run_times.is_empty() {
            let rows: Vec<_> = run_times
                .into_iter()
                .map(|(kind, (sum, samples))| {
                    json!({"kind": kind, "run_ms_avg": sum / samples as f64, "samples": samples})
                })
                .collect();
            sqlx::query(include_str!("../../queries/add_run_times.sql"))
                .bind(serde_json::to_string(&rows)?)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    async fn save_rows(&mut self, connection: &mut SqliteConnection) -> Result<(), StepError> {
        let rows = std::mem::take(&mut self.rows);
        for rows in rows.chunks(ROWS_A_STATEMENT) {
            let rows: Vec<_> = rows.iter().map(saved).collect();
            sqlx::query(include_str!("../../queries/save_jobs.sql"))
                .bind(serde_json::to_string(&rows)?)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    async fn save_counts(&mut self, connection: &mut SqliteConnection) -> Result<(), StepError> {
        let counts: Vec<_> = std::mem::take(&mut self.counts)
            .into_iter()
            .filter(|(_, difference)| *difference != 0)
            .map(|(lane, difference)| {
                json!({
                    "queue": lane.queue, "state": lane.state, "kind": lane.kind,
                    "tenant": lane.tenant, "count": difference,
                })
            })
            .collect();
        if counts.is_empty() {
            return Ok(());
        }
        let counts = serde_json::to_string(&counts)?;
        for statement in [
            include_str!("../../queries/new_counts.sql"),
            include_str!("../../queries/add_counts.sql"),
        ] {
            sqlx::query(statement)
                .bind(&counts)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    /// Lets go the jobs that waited for what has settled.
    async fn wake_dependants(
        &mut self,
        connection: &mut SqliteConnection,
        now: i64,
    ) -> Result<(), StepError> {
        let settled = std::mem::take(&mut self.settled);
        if settled.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = settled.into_iter().map(hex).collect();
        let freed: Vec<i64> =
            sqlx::query_scalar(include_str!("../../queries/settle_dependencies.sql"))
                .bind(serde_json::to_string(&ids)?)
                .fetch_all(&mut *connection)
                .await?;
        if freed.is_empty() {
            return Ok(());
        }
        let mut times = BTreeMap::<i64, u32>::new();
        for seq in freed {
            *times.entry(seq).or_default() += 1;
        }
        let seqs: Vec<_> = times.keys().copied().collect();
        for mut row in super::load::rows_by_seq(connection, &seqs).await? {
            let settled = times[&row.seq];
            rules::sweep::unblock(&mut row, settled, now)?;
            self.push(row, now);
        }
        Ok(())
    }
}
