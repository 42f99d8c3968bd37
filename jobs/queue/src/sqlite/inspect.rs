//! Verbs that only read: each from one snapshot, on the pool of readers.

use std::collections::BTreeMap;

use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::{
    Database,
    engine::StepError,
    load,
    row::{read_id, record},
    scopes,
};
use crate::{
    Error, JobId, JobRecord, JobState, Result,
    broker::{Audit, JobEvent, JobFilter, Limits, Page, QueueStats, Scope},
    rules::{
        page::{page_limit, read_cursor, with_zeros},
        row::instant,
    },
};

/// See [`crate::Broker::get`].
pub(super) async fn get(database: &Database, id: JobId) -> Result<Option<JobRecord>> {
    let mut connection = reader(database).await?;
    match load::one_with_spec(&mut connection, id).await {
        Ok((row, spec)) => record(row, &spec).map(Some),
        Err(StepError::Broker(Error::NotFound(_))) => Ok(None),
        Err(error) => Err(error.into_error(database)),
    }
}

/// See [`crate::Broker::list`]. A cursor is the `seq` of the last job of the page before.
pub(super) async fn list(
    database: &Database,
    filter: &JobFilter,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page<JobRecord>> {
    let limit = page_limit(limit);
    let before = read_cursor(cursor)?;
    let mut query = QueryBuilder::new("SELECT jobs.*, spec FROM jobs JOIN job_specs USING (seq)");
    push_filter(&mut query, filter);
    if let Some(before) = before {
        query.push(" AND jobs.seq < ").push_bind(before);
    }
    // One more than asked for tells whether there is a next page.
    query
        .push(" ORDER BY jobs.seq DESC LIMIT ")
        .push_bind(limit as i64 + 1);
    let rows = query
        .build()
        .fetch_all(database.readers())
        .await
        .map_err(|error| database.error(error))?;
    let more = rows.len() > limit;
    let mut last = None;
    let mut items = Vec::with_capacity(limit);
    for row in rows.iter().take(limit) {
        let (row, spec) = load::row_and_spec(row).map_err(|error| error.into_error(database))?;
        last = Some(row.seq);
        items.push(record(row, &spec)?);
    }
    Ok(Page {
        items,
        next_cursor: last.filter(|_| more).map(|seq| seq.to_string()),
    })
}

/// See [`crate::Broker::counts`]. What the counters know costs no scan.
pub(super) async fn counts(
    database: &Database,
    filter: &JobFilter,
) -> Result<Vec<(JobState, u64)>> {
    let scan = filter.tag.is_some()
        || filter.error_code.is_some()
        || filter.submitted_after.is_some()
        || filter.submitted_before.is_some();
    let mut query = QueryBuilder::new(if scan {
        "SELECT state, count(*) AS count FROM jobs"
    } else {
        "SELECT state, sum(count) AS count FROM job_counts AS jobs"
    });
    push_filter(&mut query, filter);
    query.push(" GROUP BY state");
    let rows = query
        .build()
        .fetch_all(database.readers())
        .await
        .map_err(|error| database.error(error))?;
    let mut by_state = BTreeMap::new();
    for row in rows {
        let (state, count) = state_count(&row).map_err(|error| error.into_error(database))?;
        by_state.insert(state, count);
    }
    Ok(with_zeros(&by_state))
}

/// See [`crate::Broker::queues`].
pub(super) async fn queues(database: &Database, now: i64) -> Result<Vec<QueueStats>> {
    let read = async {
        // One transaction: counts, ages and rules of the same instant.
        let mut tx = database.readers().begin().await?;
        let stats = read_queues(&mut tx, now).await?;
        tx.commit().await?;
        Ok::<_, StepError>(stats)
    };
    read.await.map_err(|error| error.into_error(database))
}

async fn read_queues(
    connection: &mut SqliteConnection,
    now: i64,
) -> Result<Vec<QueueStats>, StepError> {
    let mut rules = BTreeMap::new();
    for row in sqlx::query("SELECT * FROM job_scopes WHERE scope = 'queue'")
        .fetch_all(&mut *connection)
        .await?
    {
        if let (Scope::Queue(name), paused, limits) = scopes::read(&row)? {
            rules.insert(name, (paused, limits));
        }
    }
    let mut counts = BTreeMap::<String, BTreeMap<JobState, u64>>::new();
    for row in sqlx::query(
        "SELECT queue, state, sum(count) AS count FROM job_counts GROUP BY queue, state",
    )
    .fetch_all(&mut *connection)
    .await?
    {
        let (state, count) = state_count(&row)?;
        counts
            .entry(row.try_get("queue")?)
            .or_default()
            .insert(state, count);
    }
    let mut stats = Vec::with_capacity(counts.len());
    for (queue, counts) in counts {
        let (oldest, backlog_ms): (Option<i64>, f64) =
            sqlx::query_as(include_str!("../../queries/queue_backlog.sql"))
                .bind(&queue)
                .fetch_one(&mut *connection)
                .await?;
        let (paused, limits) = rules.remove(&queue).unwrap_or((false, Limits::default()));
        stats.push(QueueStats {
            counts: with_zeros(&counts),
            oldest_ready_s: oldest.map(|oldest| (now - oldest).max(0) as f64 / 1e3),
            backlog_s: backlog_ms / 1e3,
            paused,
            limits,
            queue,
        });
    }
    Ok(stats)
}

/// See [`crate::Broker::events`].
pub(super) async fn events(database: &Database, after: u64, limit: usize) -> Result<Vec<JobEvent>> {
    let rows = sqlx::query("SELECT * FROM job_events WHERE seq > ?1 ORDER BY seq LIMIT ?2")
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(limit as i64)
        .fetch_all(database.readers())
        .await
        .map_err(|error| database.error(error))?;
    rows.iter()
        .map(|row| read_event(row).map_err(|error| error.into_error(database)))
        .collect()
}

fn read_event(row: &sqlx::sqlite::SqliteRow) -> Result<JobEvent, StepError> {
    Ok(JobEvent {
        seq: row.try_get::<i64, _>("seq")? as u64,
        job_id: read_id(row.try_get("job_id")?)?,
        kind: row.try_get("kind")?,
        queue: row.try_get("queue")?,
        state: read_state(row)?,
        attempt: row.try_get("attempt")?,
        dead_reason: row
            .try_get::<Option<&str>, _>("dead_reason")?
            .map(str::parse)
            .transpose()
            .map_err(Error::Corrupt)?,
        at: instant(row.try_get("at")?),
    })
}

/// See [`crate::Broker::audit`].
pub(super) async fn audit(database: &Database) -> Result<Audit> {
    let (accepted, pruned, present): (i64, i64, i64) = sqlx::query_as(
        "SELECT accepted, pruned, (SELECT count(*) FROM jobs JOIN job_specs USING (seq)) FROM job_totals",
    )
    .fetch_one(database.readers())
    .await
    .map_err(|error| database.error(error))?;
    Ok(Audit {
        accepted: accepted as u64,
        pruned: pruned as u64,
        present: present as u64,
        unaccounted: accepted - pruned - present,
    })
}

async fn reader(database: &Database) -> Result<sqlx::pool::PoolConnection<Sqlite>> {
    database
        .readers()
        .acquire()
        .await
        .map_err(|error| database.error(error))
}

/// Adds `WHERE` and one condition for each set field.
fn push_filter(query: &mut QueryBuilder<Sqlite>, filter: &JobFilter) {
    query.push(" WHERE true");
    if !filter.states.is_empty() {
        query.push(" AND jobs.state IN (");
        let mut states = query.separated(", ");
        for state in &filter.states {
            states.push_bind(state.as_str());
        }
        query.push(")");
    }
    for (column, value) in [
        (" AND jobs.queue = ", &filter.queue),
        (" AND jobs.kind = ", &filter.kind),
        (" AND jobs.tenant = ", &filter.tenant),
        (" AND jobs.error_code = ", &filter.error_code),
    ] {
        if let Some(value) = value {
            query.push(column).push_bind(value.clone());
        }
    }
    if let Some(tag) = &filter.tag {
        query
            .push(" AND jobs.seq IN (SELECT seq FROM job_tags WHERE tag = ")
            .push_bind(tag.clone())
            .push(")");
    }
    for (condition, at) in [
        (" AND jobs.submitted_at >= ", filter.submitted_after),
        (" AND jobs.submitted_at < ", filter.submitted_before),
    ] {
        if let Some(at) = at {
            query.push(condition).push_bind(at.as_millisecond());
        }
    }
}

fn read_state(row: &sqlx::sqlite::SqliteRow) -> Result<JobState, StepError> {
    Ok(row
        .try_get::<&str, _>("state")?
        .parse()
        .map_err(Error::Corrupt)?)
}

fn state_count(row: &sqlx::sqlite::SqliteRow) -> Result<(JobState, u64), StepError> {
    Ok((read_state(row)?, row.try_get::<i64, _>("count")? as u64))
}
