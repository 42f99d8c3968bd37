//! Schedules in the table `schedules`, beside the ledger's.

use async_trait::async_trait;
use jiff::Timestamp;

use super::connection::{PostgresDatabase, StepError};
use crate::{
    Error, Result,
    rules::row::instant,
    schedule::{Schedule, ScheduleStore, StoredSchedule},
};

/// A [`ScheduleStore`] on a [`PostgresDatabase`].
#[derive(Debug, Clone)]
pub struct PostgresSchedules {
    database: PostgresDatabase,
}

type ScheduleRow = (String, String, String, String, String, bool, i64);

const COLUMNS: &str = "SELECT name, cron, timezone, job, catch_up, paused, seen_to FROM schedules";

impl PostgresSchedules {
    /// Uses the table in `database`.
    pub fn new(database: PostgresDatabase) -> Self {
        Self { database }
    }

    async fn write(
        &self,
        query: sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments>,
    ) -> Result<bool> {
        self.database
            .call(async {
                let done = query.execute(self.database.pool()).await?;
                Ok(done.rows_affected() > 0)
            })
            .await
    }
}

fn read(
    (name, cron, timezone, job, catch_up, paused, seen_to): ScheduleRow,
) -> Result<StoredSchedule, StepError> {
    Ok(StoredSchedule {
        schedule: Schedule {
            name,
            cron,
            timezone,
            job: serde_json::from_str(&job)?,
            catch_up: catch_up.parse().map_err(Error::Corrupt)?,
            paused,
        },
        seen_to: instant(seen_to),
    })
}

#[async_trait]
impl ScheduleStore for PostgresSchedules {
    async fn put(&self, schedule: &Schedule, now: Timestamp) -> Result<()> {
        schedule.plan()?;
        let job = serde_json::to_string(&schedule.job)
            .map_err(|error| Error::Invalid(error.to_string()))?;
        let query = sqlx::query(include_str!(
            "../../../queries/ledger/postgres/put_schedule.sql"
        ))
        .bind(&schedule.name)
        .bind(&schedule.cron)
        .bind(&schedule.timezone)
        .bind(job)
        .bind(schedule.catch_up.as_str())
        .bind(schedule.paused)
        .bind(now.as_millisecond());
        self.write(query).await.map(drop)
    }

    async fn get(&self, name: &str) -> Result<Option<StoredSchedule>> {
        self.database
            .call(async {
                let mut query = sqlx::QueryBuilder::<sqlx::Postgres>::new(COLUMNS);
                query.push(" WHERE name = ").push_bind(name);
                let row: Option<ScheduleRow> = query
                    .build_query_as()
                    .fetch_optional(self.database.pool())
                    .await?;
                row.map(read).transpose()
            })
            .await
    }

    async fn list(&self) -> Result<Vec<StoredSchedule>> {
        self.database
            .call(async {
                let mut query = sqlx::QueryBuilder::<sqlx::Postgres>::new(COLUMNS);
                query.push(" ORDER BY name");
                let rows: Vec<ScheduleRow> = query
                    .build_query_as()
                    .fetch_all(self.database.pool())
                    .await?;
                rows.into_iter().map(read).collect()
            })
            .await
    }

    async fn remove(&self, name: &str) -> Result<bool> {
        self.write(sqlx::query("DELETE FROM schedules WHERE name = $1").bind(name))
            .await
    }

    async fn set_paused(&self, name: &str, paused: bool) -> Result<bool> {
        let query = sqlx::query("UPDATE schedules SET paused = $2 WHERE name = $1");
        self.write(query.bind(name).bind(paused)).await
    }

    async fn advance(&self, name: &str, seen_to: Timestamp) -> Result<()> {
        let query =
            sqlx::query("UPDATE schedules SET seen_to = $2 WHERE name = $1 AND seen_to < $2");
        self.write(query.bind(name).bind(seen_to.as_millisecond()))
            .await
            .map(drop)
    }
}
