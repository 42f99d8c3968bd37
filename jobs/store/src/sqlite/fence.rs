//! The check before every write of a stage: is this lease still the stage's, and does its version still count?

use sqlx::SqliteConnection;

use super::{encoding::uuid_bytes, sql};
use crate::{Error, Fence, Result, sqlite::encoding::named, stages::StageState};

/// What a fence points at.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Target {
    /// The document's id.
    pub(super) document: Vec<u8>,
    /// Whose it is.
    pub(super) tenant: String,
    newest: bool,
    deleting: bool,
    state: Option<String>,
    pub(super) fingerprint: Option<String>,
    /// Given out with the row; whoever begins the stage leaves its own.
    job_id: Option<Vec<u8>>,
    epoch: Option<i64>,
}

impl Target {
    /// Reads it. `None` when the version is gone.
    pub(super) async fn read(
        connection: &mut SqliteConnection,
        fence: &Fence,
    ) -> Result<Option<Self>> {
        let target = sqlx::query_as(sql!("stage_runs/target"))
            .bind(uuid_bytes(fence.version.as_uuid()))
            .bind(fence.stage.as_str())
            .bind(fence.shard)
            .fetch_optional(connection)
            .await?;
        Ok(target)
    }

    /// Refuses a version that is not its document's newest, or whose document is being deleted.
    pub(super) fn check_current(&self) -> Result<()> {
        if self.newest && !self.deleting {
            Ok(())
        } else {
            Err(Error::Superseded)
        }
    }

    /// Returns where the stage stands; `None` when it has no row.
    pub(super) fn state(&self) -> Result<Option<StageState>> {
        self.state.as_deref().map(named).transpose()
    }

    /// Tells how the lease that holds the stage compares with `fence`: by job, then by epoch. Job ids are UUIDv7, so a
    /// job that was submitted later is the larger one. A stage that nobody began is held by its own job with epoch 0.
    pub(super) fn holder(&self, fence: &Fence) -> std::cmp::Ordering {
        let holder = self
            .job_id
            .as_deref()
            .map(|job_id| (job_id, self.epoch.unwrap_or(0)));
        let job_id = fence.job_id.as_uuid();
        holder.cmp(&Some((&job_id.as_bytes()[..], fence.epoch as i64)))
    }
}

/// Lets a write pass only if its stage is running under exactly this lease.
///
/// # Errors
/// [`Error::Superseded`] when the version does not count any more, [`Error::Fenced`] when the lease does not.
pub(super) async fn check(connection: &mut SqliteConnection, fence: &Fence) -> Result<Target> {
    let target = Target::read(connection, fence)
        .await?
        .ok_or(Error::Superseded)?;
    target.check_current()?;
    match (target.state()?, target.holder(fence)) {
        (Some(StageState::Running), std::cmp::Ordering::Equal) => Ok(target),
        _ => Err(Error::Fenced),
    }
}
