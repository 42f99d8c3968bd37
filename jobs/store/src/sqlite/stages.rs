//! Stage rows.

use std::cmp::Ordering;

use async_trait::async_trait;
use graphmill_queue::JobId;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    SqliteStore,
    encoding::{instant_from, json_rows, named, uuid_bytes, uuid_from},
    fence::{self, Target},
    sql,
};
use crate::{
    DocumentId, Error, Fence, Result, Stage, VersionId,
    stages::{Begun, OpenStage, StageRun, StageState, Stages},
};

#[async_trait]
impl Stages for SqliteStore {
    async fn begin_stage(&self, fence: &Fence, fingerprint: &str) -> Result<Begun> {
        let mut write = self.write().await?;
        let target = Target::read(write.connection(), fence)
            .await?
            .ok_or_else(|| Error::NotFound {
                what: "document version",
                id: fence.version.to_string(),
            })?;
        target.check_current()?;
        let state = target.state()?.ok_or_else(|| Error::NotFound {
            what: "stage",
            id: format!("{}/{}/{}", fence.version, fence.stage, fence.shard),
        })?;
        // Whoever did it, nothing of it is left to do.
        if state == StageState::Completed && target.fingerprint.as_deref() == Some(fingerprint) {
            return Ok(Begun::AlreadyDone);
        }
        let holder = target.holder(fence);
        if holder == Ordering::Greater {
            return Err(Error::Fenced);
        }
        let is_repeat = holder == Ordering::Equal
            && state == StageState::Running
            && target.fingerprint.as_deref() == Some(fingerprint);
        if !is_repeat {
            take(write.connection(), fence, fingerprint, self.now_ms()).await?;
            write.commit().await?;
        }
        Ok(Begun::Started)
    }

    async fn complete_stage(&self, fence: &Fence, items: u64) -> Result<Option<OpenStage>> {
        let mut write = self.write().await?;
        if ended_by(write.connection(), fence, StageState::Completed).await? {
            return open_finalize(write.connection(), fence.version).await;
        }
        fence::check(write.connection(), fence).await?;
        complete(write.connection(), fence, items, self.now_ms()).await?;
        // In the same transaction, so that of two last shards one sees the other.
        let next = open_finalize(write.connection(), fence.version).await?;
        write.commit().await?;
        Ok(next)
    }

    async fn fail_stage(&self, fence: &Fence, code: &str, message: &str) -> Result<()> {
        let mut write = self.write().await?;
        if ended_by(write.connection(), fence, StageState::Failed).await? {
            return Ok(());
        }
        fence::check(write.connection(), fence).await?;
        sqlx::query(sql!("stage_runs/fail"))
            .bind(uuid_bytes(fence.version.as_uuid()))
            .bind(fence.stage.as_str())
            .bind(fence.shard)
            .bind(code)
            .bind(message)
            .bind(self.now_ms())
            .execute(write.connection())
            .await?;
        write.commit().await
    }

    async fn open_stages_of(&self, version: VersionId) -> Result<Vec<OpenStage>> {
        let mut connection = self.database.readers().acquire().await?;
        open_of(&mut connection, version).await
    }

    async fn fail_open_stage(&self, stage: &OpenStage, code: &str, message: &str) -> Result<bool> {
        let mut write = self.write().await?;
        let failed = sqlx::query(sql!("stage_runs/fail_open"))
            .bind(uuid_bytes(stage.version.as_uuid()))
            .bind(stage.stage.as_str())
            .bind(stage.shard)
            .bind(code)
            .bind(message)
            .bind(self.now_ms())
            .bind(uuid_bytes(stage.job_id.as_uuid()))
            .execute(write.connection())
            .await?;
        write.commit().await?;
        Ok(failed.rows_affected() == 1)
    }

    async fn reset_failed_stages(&self, id: DocumentId) -> Result<Vec<OpenStage>> {
        let mut write = self.write().await?;
        let rows = sqlx::query(sql!("stage_runs/list_failed"))
            .bind(uuid_bytes(id.as_uuid()))
            .fetch_all(write.connection())
            .await?;
        let mut failed = open_stages(&rows)?;
        for stage in &mut failed {
            stage.job_id = JobId::new();
            sqlx::query(sql!("stage_runs/reset_failed"))
                .bind(uuid_bytes(stage.version.as_uuid()))
                .bind(stage.stage.as_str())
                .bind(stage.shard)
                .bind(uuid_bytes(stage.job_id.as_uuid()))
                .execute(write.connection())
                .await?;
        }
        write.commit().await?;
        Ok(failed)
    }

    async fn open_stages(&self, after: Option<DocumentId>, limit: usize) -> Result<Vec<OpenStage>> {
        let rows = sqlx::query(sql!("stage_runs/list_open"))
            .bind(after.map_or_else(Vec::new, |after| uuid_bytes(after.as_uuid())))
            .bind(limit as i64 + 1)
            .fetch_all(self.database.readers())
            .await?;
        let open = open_stages(&rows)?;
        Ok(whole_documents(open, limit))
    }
}

impl SqliteStore {
    /// Returns the stage rows of a document's newest version, by stage and shard.
    pub(super) async fn stages_of(&self, id: DocumentId) -> Result<Vec<StageRun>> {
        let rows = sqlx::query(sql!("stage_runs/list_of_document"))
            .bind(uuid_bytes(id.as_uuid()))
            .fetch_all(self.database.readers())
            .await?;
        let mut runs = rows.iter().map(stage_run).collect::<Result<Vec<_>>>()?;
        runs.sort_unstable_by_key(|run| (run.stage, run.shard));
        Ok(runs)
    }
}

/// Leaves out the last document when its stages were cut off by the limit: the next page begins after a document, so
/// what is cut off here would never be seen. A first document that is larger than a page is returned as far as it goes.
fn whole_documents(mut open: Vec<OpenStage>, limit: usize) -> Vec<OpenStage> {
    if open.len() <= limit {
        return open;
    }
    let cut = open[limit].document;
    let whole = open.partition_point(|stage| stage.document < cut);
    open.truncate(if whole == 0 { limit } else { whole });
    open
}

/// Gives a stage to a lease.
async fn take(
    connection: &mut SqliteConnection,
    fence: &Fence,
    fingerprint: &str,
    now_ms: i64,
) -> Result<()> {
    sqlx::query(sql!("stage_runs/take"))
        .bind(uuid_bytes(fence.version.as_uuid()))
        .bind(fence.stage.as_str())
        .bind(fence.shard)
        .bind(fingerprint)
        .bind(uuid_bytes(fence.job_id.as_uuid()))
        .bind(fence.epoch as i64)
        .bind(now_ms)
        .execute(connection)
        .await?;
    Ok(())
}

/// Marks a stage as done. The caller has checked the fence.
pub(super) async fn complete(
    connection: &mut SqliteConnection,
    fence: &Fence,
    items: u64,
    now_ms: i64,
) -> Result<()> {
    sqlx::query(sql!("stage_runs/complete"))
        .bind(uuid_bytes(fence.version.as_uuid()))
        .bind(fence.stage.as_str())
        .bind(fence.shard)
        .bind(items as i64)
        .bind(now_ms)
        .execute(connection)
        .await?;
    Ok(())
}

/// Tells whether this very lease has ended its stage already, so that the same call came twice.
pub(super) async fn ended_by(
    connection: &mut SqliteConnection,
    fence: &Fence,
    state: StageState,
) -> Result<bool> {
    let Some(target) = Target::read(connection, fence).await? else {
        return Err(Error::Superseded);
    };
    target.check_current()?;
    Ok(target.state()? == Some(state) && target.holder(fence) == Ordering::Equal)
}

/// Returns the stages of a version that may run now, by stage and shard.
pub(super) async fn open_of(
    connection: &mut SqliteConnection,
    version: VersionId,
) -> Result<Vec<OpenStage>> {
    let rows = sqlx::query(sql!("stage_runs/list_open_of_version"))
        .bind(uuid_bytes(version.as_uuid()))
        .fetch_all(connection)
        .await?;
    open_stages(&rows)
}

/// Returns a version's finalize stage if everything before it is completed and it is not.
async fn open_finalize(
    connection: &mut SqliteConnection,
    version: VersionId,
) -> Result<Option<OpenStage>> {
    let open = open_of(connection, version).await?;
    Ok(open.into_iter().find(|open| open.stage == Stage::Finalize))
}

/// Creates the pending stages after `process`, in place of those that an earlier run of it planned.
pub(super) async fn plan(
    connection: &mut SqliteConnection,
    version: &[u8],
    chunks: u32,
    shard_chunks: u32,
) -> Result<()> {
    sqlx::query("DELETE FROM stage_runs WHERE version = ?1 AND stage <> 'process'")
        .bind(version)
        .execute(&mut *connection)
        .await?;
    let row = |stage: Stage, shard: u32, range: std::ops::Range<u32>| {
        let job_id = JobId::new().as_uuid().simple().to_string();
        (stage.as_str(), shard, job_id, range.start, range.end)
    };
    let mut rows = Vec::new();
    for stage in [Stage::Embed, Stage::Extract] {
        for (shard, first) in (0..chunks).step_by(shard_chunks as usize).enumerate() {
            let end = first.saturating_add(shard_chunks).min(chunks);
            rows.push(row(stage, shard as u32, first..end));
        }
    }
    rows.push(row(Stage::Finalize, 0, 0..0));
    sqlx::query(sql!("stage_runs/plan"))
        .bind(version)
        .bind(json_rows(&rows))
        .execute(connection)
        .await?;
    Ok(())
}

/// Reads open stages, by document, stage and shard.
fn open_stages(rows: &[SqliteRow]) -> Result<Vec<OpenStage>> {
    let mut stages = rows.iter().map(open_stage).collect::<Result<Vec<_>>>()?;
    stages.sort_unstable_by_key(|open| (open.document, open.stage, open.shard));
    Ok(stages)
}

fn open_stage(row: &SqliteRow) -> Result<OpenStage> {
    let id = |column| -> Result<_> { uuid_from(row.try_get(column)?) };
    Ok(OpenStage {
        document: DocumentId::from(id("document")?),
        version: VersionId::from(id("version")?),
        stage: named(row.try_get("stage")?)?,
        shard: row.try_get("shard")?,
        job_id: JobId::from(id("job_id")?),
    })
}

fn stage_run(row: &SqliteRow) -> Result<StageRun> {
    let job_id: Vec<u8> = row.try_get("job_id")?;
    let instant = |column| -> Result<_> {
        let ms: Option<i64> = row.try_get(column)?;
        ms.map(instant_from).transpose()
    };
    Ok(StageRun {
        stage: named(row.try_get("stage")?)?,
        shard: row.try_get("shard")?,
        state: named(row.try_get("state")?)?,
        fingerprint: row.try_get("fingerprint")?,
        job_id: JobId::from(uuid_from(&job_id)?),
        epoch: row.try_get::<i64, _>("epoch")? as u64,
        attempt: row.try_get("attempt")?,
        items: row.try_get::<i64, _>("items")? as u64,
        error_code: row.try_get("error_code")?,
        error_message: row.try_get("error_message")?,
        started_at: instant("started_at")?,
        finished_at: instant("finished_at")?,
    })
}
