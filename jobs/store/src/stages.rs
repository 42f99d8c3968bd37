//! Stage rows: which step of which version has been done, by whom, from what input.

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use graphmill_queue::JobId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DocumentId, Result, VersionId};

/// A step of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Parse and chunk.
    Process,
    /// Vectors for the chunks of one shard.
    Embed,
    /// Entities and relations for the chunks of one shard.
    Extract,
    /// Everything is there.
    Finalize,
}

impl Stage {
    /// Every stage in order.
    pub const ALL: [Self; 4] = [Self::Process, Self::Embed, Self::Extract, Self::Finalize];

    /// Returns the name used in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Embed => "embed",
            Self::Extract => "extract",
            Self::Finalize => "finalize",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| format!("stage `{text}` is unknown"))
    }
}

/// Where a stage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    /// Not begun.
    Pending,
    /// Begun by a lease.
    Running,
    /// Done from the input with this fingerprint.
    Completed,
    /// Failed for good.
    Failed,
}

impl StageState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Running, Self::Completed, Self::Failed];

    /// Returns the name used in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for StageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StageState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("stage state `{text}` is unknown"))
    }
}

/// One stage row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageRun {
    /// Which step.
    pub stage: Stage,
    /// Which part of the document, from 0.
    pub shard: u32,
    /// Where it stands.
    pub state: StageState,
    /// What it is made from: a hash over input and settings.
    pub fingerprint: Option<String>,
    /// The job that is to run it, runs or ran it: given out when the row is made, see [`OpenStage`].
    pub job_id: JobId,
    /// That job's lease epoch.
    pub epoch: u64,
    /// Attempts begun.
    pub attempt: u32,
    /// Chunks, vectors or mentions it wrote.
    pub items: u64,
    /// Why it failed.
    pub error_code: Option<String>,
    /// In words.
    pub error_message: Option<String>,
    /// When the last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Names the lease under which a stage is worked on. Every write of the stage carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// Which version.
    pub version: VersionId,
    /// Which step.
    pub stage: Stage,
    /// Which part.
    pub shard: u32,
    /// The job that works on it.
    pub job_id: JobId,
    /// That job's lease epoch.
    pub epoch: u64,
}

/// What [`Stages::begin_stage`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// The stage is this lease's: work on it.
    Started,
    /// It is completed with this fingerprint already: nothing to do but to look at what follows.
    AlreadyDone,
}

/// A stage that is not done and should have a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenStage {
    /// Its document.
    pub document: DocumentId,
    /// Its version.
    pub version: VersionId,
    /// Which step.
    pub stage: Stage,
    /// Which part.
    pub shard: u32,
    /// The id its job has, or must be submitted under. It is made with the row (UUIDv7), so whoever finds the row can
    /// ask the broker what became of the job, and submit it again under the same id if the broker never had it.
    pub job_id: JobId,
}

/// Stage rows. All verbs are safe to repeat.
#[async_trait]
pub trait Stages {
    /// Takes a stage for a lease. A newer (job, epoch) takes it from an older one; an older one is
    /// [`crate::Error::Fenced`]. [`crate::Error::Superseded`] when the version is not its document's newest or the
    /// document is being deleted; [`crate::Error::NotFound`] when the version or stage row is gone.
    async fn begin_stage(&self, fence: &Fence, fingerprint: &str) -> Result<Begun>;

    /// Marks a stage as done. Returns the version's finalize stage if nothing before it is left: all shards of embed and
    /// extract are completed. Fenced.
    async fn complete_stage(&self, fence: &Fence, items: u64) -> Result<Option<OpenStage>>;

    /// Marks a stage as failed for good. Fenced.
    async fn fail_stage(&self, fence: &Fence, code: &str, message: &str) -> Result<()>;

    /// Returns the stages of a version that are not done and not failed and may run now (finalize only when nothing
    /// before it is left): what a job that finds its own stage done already must make sure of.
    async fn open_stages_of(&self, version: VersionId) -> Result<Vec<OpenStage>>;

    /// Marks a stage as failed for good from outside, because its job is dead or cancelled. Only where the row still
    /// names `stage.job_id` and is pending or running; returns whether it did.
    async fn fail_open_stage(&self, stage: &OpenStage, code: &str, message: &str) -> Result<bool>;

    /// Makes the failed stages of a document's newest version pending again, each with a new job id; returns them.
    async fn reset_failed_stages(&self, id: DocumentId) -> Result<Vec<OpenStage>>;

    /// Lists stages that are not done and not failed, of newest versions of documents that are not being deleted, after
    /// `after` (by document), at most `limit`, but whole documents (of one that alone has more, the first `limit`). A
    /// `finalize` stage is open only when nothing before it is. For resubmitting jobs that were lost between two stores.
    async fn open_stages(&self, after: Option<DocumentId>, limit: usize) -> Result<Vec<OpenStage>>;
}
