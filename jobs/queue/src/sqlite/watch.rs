//! What is looked at to tell why a job does not run: limits, places in line.

use async_trait::async_trait;
use sqlx::Row;

use super::{
    Database,
    engine::{StepError, Tx, Verb},
    load, scopes,
};
use crate::{
    Error, JobId, JobState, NewJob, Result,
    broker::{Placement, ReadyJobs, ScopeRule},
};

/// Jobs that are counted on the way to one's place; what is above is an estimate.
const MAX_COUNTED: i64 = 100_000;

/// See [`crate::Broker::scopes`]. A verb of the writer, who has the token buckets.
pub(super) struct Scopes;

#[async_trait]
impl Verb for Scopes {
    type Output = Vec<ScopeRule>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<ScopeRule>, StepError> {
        let scopes = match tx.memory.scopes.take() {
            Some(scopes) => scopes,
            None => scopes::load(tx.connection, None, tx.now).await?,
        };
        let rules = scopes.describe(tx.now);
        tx.memory.scopes = Some(scopes);
        Ok(rules)
    }
}

/// See [`crate::Broker::placement`].
pub(super) async fn placement(database: &Database, id: JobId) -> Result<Option<Placement>> {
    let read = async {
        // One transaction: the job and its place at the same instant.
        let mut tx = database.readers().begin().await?;
        let (row, spec) = match load::one_with_spec(&mut tx, id).await {
            Err(StepError::Broker(Error::NotFound(_))) => return Ok(None),
            found => found?,
        };
        if row.state != JobState::Ready {
            return Ok(None);
        }
        let spec: NewJob = row.json(&spec, "spec")?;
        let (urgent, lane): (i64, i64) =
            sqlx::query_as(include_str!("../../queries/placement.sql"))
                .bind(&row.queue)
                .bind(spec.priority as i64)
                .bind(&row.kind)
                .bind(&row.tenant)
                .bind(spec.schema_version)
                .bind(row.run_at)
                .bind(row.seq)
                .bind(MAX_COUNTED)
                .fetch_one(&mut *tx)
                .await?;
        tx.commit().await?;
        Ok::<_, StepError>(Some(Placement {
            ahead: (urgent + lane) as u64,
            exact: urgent < MAX_COUNTED && lane < MAX_COUNTED,
        }))
    };
    read.await.map_err(|error| error.into_error(database))
}

/// See [`crate::Broker::ready`].
pub(super) async fn ready(database: &Database) -> Result<Vec<ReadyJobs>> {
    let read = async {
        let rows = sqlx::query(include_str!("../../queries/ready_counts.sql"))
            .fetch_all(database.readers())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(ReadyJobs {
                    queue: row.try_get("queue")?,
                    kind: row.try_get("kind")?,
                    schema_version: row.try_get("schema_version")?,
                    tenant: row.try_get("tenant")?,
                    jobs: row.try_get::<i64, _>("jobs")? as u64,
                    run_ms_avg: row.try_get("run_ms_avg")?,
                })
            })
            .collect::<Result<_, sqlx::Error>>()
    };
    read.await.map_err(|error| database.error(error))
}
