//! Schedules in the table `schedules`.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{Row, sqlite::SqliteRow};

use super::Database;
use crate::{
    Error, Result,
    rules::row::instant,
    schedule::{Schedule, ScheduleStore, StoredSchedule},
};

/// A [`ScheduleStore`] on a [`Database`].
#[derive(Debug, Clone)]
pub struct SqliteSchedules {
    database: Database,
}

impl SqliteSchedules {
    /// Uses the table in `database`.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn write(
        &self,
        query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<bool> {
        let _turn = self.database.write_turn().await;
        let done = query.execute(self.database.writer()).await;
        let done = done.map_err(|error| self.database.error(error))?;
        Ok(done.rows_affected() > 0)
    }
}

fn read(row: &SqliteRow) -> Result<StoredSchedule> {
    let corrupt = |error: String| Error::Corrupt(format!("row of `schedules`: {error}"));
    let read = || {
        Ok::<_, sqlx::Error>((
            row.try_get("name")?,
            row.try_get("cron")?,
            row.try_get("timezone")?,
            row.try_get::<String, _>("job")?,
            row.try_get::<String, _>("catch_up")?,
            row.try_get("paused")?,
            row.try_get("seen_to")?,
        ))
    };
    let (name, cron, timezone, job, catch_up, paused, seen_to) =
        read().map_err(|error| corrupt(error.to_string()))?;
    Ok(StoredSchedule {
        schedule: Schedule {
            name,
            cron,
            timezone,
            job: serde_json::from_str(&job).map_err(|error| corrupt(error.to_string()))?,
            catch_up: catch_up.parse().map_err(corrupt)?,
            paused,
        },
        seen_to: instant(seen_to),
    })
}

#[async_trait]
impl ScheduleStore for SqliteSchedules {
    async fn put(&self, schedule: &Schedule, now: Timestamp) -> Result<()> {
        schedule.plan()?;
        let job = serde_json::to_string(&schedule.job)
            .map_err(|error| Error::Invalid(error.to_string()))?;
        let query = sqlx::query(include_str!("../../queries/put_schedule.sql"))
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
        let row = sqlx::query("SELECT * FROM schedules WHERE name = ?1")
            .bind(name)
            .fetch_optional(self.database.readers())
            .await
            .map_err(|error| self.database.error(error))?;
        row.as_ref().map(read).transpose()
    }

    async fn list(&self) -> Result<Vec<StoredSchedule>> {
        let rows = sqlx::query("SELECT * FROM schedules ORDER BY name")
            .fetch_all(self.database.readers())
            .await
            .map_err(|error| self.database.error(error))?;
        rows.iter().map(read).collect()
    }

    async fn remove(&self, name: &str) -> Result<bool> {
        self.write(sqlx::query("DELETE FROM schedules WHERE name = ?1").bind(name))
            .await
    }

    async fn set_paused(&self, name: &str, paused: bool) -> Result<bool> {
        let query = sqlx::query("UPDATE schedules SET paused = ?2 WHERE name = ?1");
        self.write(query.bind(name).bind(paused)).await
    }

    async fn advance(&self, name: &str, seen_to: Timestamp) -> Result<()> {
        let query =
            sqlx::query("UPDATE schedules SET seen_to = ?2 WHERE name = ?1 AND seen_to < ?2");
        self.write(query.bind(name).bind(seen_to.as_millisecond()))
            .await
            .map(drop)
    }
}
