//! How a handler works on a stage row: take it, skip what is done, write under the fence, say what follows.

use graphmill_queue::{
    JobContext, JobId, NewJob, Outcome, Priority, handler::Job, outcome::JobError,
};
use graphmill_store::{
    DocumentId, Fence, Stage, VersionId,
    stages::{Begun, OpenStage},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::warn;

use crate::{
    Services,
    cpu_pool::Panicked,
    kinds::{EmbedDocument, ExtractGraph, FinalizeDocument, ProcessDocument},
};

/// Which stage row a job is for: the payload of every pipeline job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTarget {
    /// The document.
    pub document: DocumentId,
    /// Its version.
    pub version: VersionId,
    /// Which part of it, from 0.
    #[serde(default)]
    pub shard: u32,
}

/// Whose job a stage's job is, and how urgent: inherited from the job before it.
#[derive(Debug, Clone)]
pub struct Lineage {
    /// Whose work it is.
    pub tenant: String,
    /// How urgent.
    pub priority: Priority,
    /// The job that made it possible.
    pub parent: Option<JobId>,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

impl Lineage {
    /// What follows from `job` inherits from it.
    pub fn of(job: &JobContext) -> Self {
        let spec = &job.record().spec;
        Self {
            tenant: spec.tenant.clone(),
            priority: spec.priority,
            parent: Some(spec.id),
            traceparent: spec.traceparent.clone(),
        }
    }
}

/// Builds the job of a stage row, under the id that the row names.
pub(crate) fn stage_job(stage: &OpenStage, lineage: &Lineage) -> Result<NewJob, serde_json::Error> {
    let target = StageTarget {
        document: stage.document,
        version: stage.version,
        shard: stage.shard,
    };
    let mut job = match stage.stage {
        Stage::Process => ProcessDocument(target).into_new_job()?,
        Stage::Embed => EmbedDocument(target).into_new_job()?,
        Stage::Extract => ExtractGraph(target).into_new_job()?,
        Stage::Finalize => FinalizeDocument(target).into_new_job()?,
    };
    job.id = stage.job_id;
    job.tenant.clone_from(&lineage.tenant);
    job.priority = lineage.priority;
    job.parent = lineage.parent;
    job.traceparent.clone_from(&lineage.traceparent);
    job.tags = vec![format!("document:{}", stage.document)];
    Ok(job)
}

impl Services {
    /// Submits the jobs of stage rows under the ids that the rows name. Repeating it changes nothing.
    ///
    /// # Errors
    /// When the broker does not answer; then some of the jobs may be accepted, and repeating it is right.
    pub async fn submit_stages(
        &self,
        stages: &[OpenStage],
        lineage: &Lineage,
    ) -> Result<(), graphmill_queue::Error> {
        for part in stages.chunks(graphmill_queue::broker::MAX_SUBMIT) {
            let jobs = part
                .iter()
                .map(|stage| stage_job(stage, lineage))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| graphmill_queue::Error::Invalid(error.to_string()))?;
            for (verdict, stage) in self.broker.submit(jobs, false).await?.iter().zip(part) {
                if verdict.id().is_none() {
                    return Err(graphmill_queue::Error::Invalid(format!(
                        "the {} job of document {} was not accepted: {verdict:?}",
                        stage.stage, stage.document
                    )));
                }
            }
        }
        Ok(())
    }
}

/// How long a job waits when a store does not answer.
const STORE_PAUSE: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

/// Why a stage could not end well.
#[derive(Debug)]
pub(crate) enum StageError {
    /// May pass: the job is retried, and the stage fails with this when no attempt is left.
    Passing(JobError),
    /// A store does not answer or is full: no fault of the document's, so no attempt is charged.
    Away(String),
    /// Will not pass: the stage has failed.
    Final(JobError),
    /// The document is gone or has a newer version: nothing is left to do.
    Void,
    /// Somebody else has the stage now; whatever this attempt says is refused.
    Fenced,
    /// The worker shuts down; what is written stays.
    ShuttingDown,
    /// Somebody asked for the job's end.
    Cancelled,
}

impl From<graphmill_store::Error> for StageError {
    fn from(error: graphmill_store::Error) -> Self {
        use graphmill_store::Error as E;
        match &error {
            E::Fenced => Self::Fenced,
            E::Superseded
            | E::NotFound {
                what: "version" | "stage" | "document",
                ..
            } => Self::Void,
            _ if error.is_transient() => Self::Away(error.to_string()),
            _ => Self::Final(JobError::new(error.code(), error.to_string())),
        }
    }
}

impl From<graphmill_queue::Error> for StageError {
    fn from(error: graphmill_queue::Error) -> Self {
        Self::Away(error.to_string())
    }
}

impl From<Panicked> for StageError {
    fn from(panicked: Panicked) -> Self {
        Self::Passing(JobError::new("job.panicked", panicked.to_string()))
    }
}

/// A stage row in the hands of one lease.
pub(crate) struct StageGuard<'a> {
    pub(crate) services: &'a Services,
    pub(crate) job: &'a JobContext,
    pub(crate) fence: Fence,
}

impl<'a> StageGuard<'a> {
    /// Names the row that `job` is for.
    pub(crate) fn new(
        services: &'a Services,
        job: &'a JobContext,
        stage: Stage,
        target: StageTarget,
    ) -> Self {
        let lease = job.lease();
        let fence = Fence {
            version: target.version,
            stage,
            shard: target.shard,
            job_id: lease.id,
            epoch: lease.epoch,
        };
        Self {
            services,
            job,
            fence,
        }
    }

    /// Takes the row. `false`: it is done from this input already.
    pub(crate) async fn begin(&self, fingerprint: &str) -> Result<bool, StageError> {
        Ok(self
            .services
            .store
            .begin_stage(&self.fence, fingerprint)
            .await?
            == Begun::Started)
    }

    /// Completes the row and submits finalize if it was the last one.
    pub(crate) async fn complete(&self, items: u64) -> Result<(), StageError> {
        if let Some(finalize) = self
            .services
            .store
            .complete_stage(&self.fence, items)
            .await?
        {
            self.follow(&[finalize]).await?;
        }
        Ok(())
    }

    /// Submits what may run now: also what an earlier attempt made possible and died before it could submit.
    pub(crate) async fn follow_open(&self) -> Result<(), StageError> {
        let open = self
            .services
            .store
            .open_stages_of(self.fence.version)
            .await?;
        let next: Vec<_> = open
            .into_iter()
            .filter(|stage| stage.job_id != self.fence.job_id)
            .collect();
        self.follow(&next).await
    }

    /// Submits the jobs of these rows, as children of this job.
    pub(crate) async fn follow(&self, stages: &[OpenStage]) -> Result<(), StageError> {
        Ok(self
            .services
            .submit_stages(stages, &Lineage::of(self.job))
            .await?)
    }

    /// Says whether the attempt must stop between two pieces of work.
    pub(crate) fn check_stop(&self) -> Result<(), StageError> {
        if self.job.cancelled().is_cancelled() {
            return Err(StageError::Cancelled);
        }
        if self.job.shutdown().is_cancelled() {
            return Err(StageError::ShuttingDown);
        }
        Ok(())
    }

    /// Turns the end of the stage's work into the job's outcome; a stage that will not run again is marked as failed.
    pub(crate) async fn outcome(&self, result: Result<serde_json::Value, StageError>) -> Outcome {
        let attempts_left = self.job.attempt() < self.job.record().spec.max_attempts;
        match result {
            Ok(value) => Outcome::Done(value),
            Err(StageError::Void) => {
                Outcome::Done(json!({ "skipped": "the document was replaced or deleted" }))
            }
            Err(StageError::ShuttingDown) => Outcome::Released,
            // The token fires for a cancel request, the time limit and a lost lease alike; which of them it was, and so
            // whether the stage has failed, is settled from the job's state (see `reconcile`).
            Err(StageError::Cancelled) => Outcome::Cancelled,
            Err(StageError::Fenced) => Outcome::Retry(JobError::new(
                "store.fenced",
                "the lease on this stage was lost",
            )),
            Err(StageError::Away(reason)) => {
                warn!(%reason, "a store is away; the job waits");
                Outcome::Snooze(self.services.clock.now() + STORE_PAUSE)
            }
            Err(StageError::Passing(error)) if attempts_left => Outcome::Retry(error),
            Err(StageError::Passing(error)) => {
                self.fail(&error).await;
                Outcome::Retry(error)
            }
            Err(StageError::Final(error)) => {
                self.fail(&error).await;
                Outcome::Permanent(error)
            }
        }
    }

    /// Marks the row as failed. If the store does not answer, the reconciler does it from the dead job later.
    async fn fail(&self, error: &JobError) {
        if let Err(store_error) = self
            .services
            .store
            .fail_stage(&self.fence, &error.code, &error.message)
            .await
        {
            warn!(job.id = %self.fence.job_id, error = %store_error, "the failure of a stage could not be written yet");
        }
    }
}

/// Hashes what a stage is made from: length-prefixed parts, BLAKE3, hex.
pub(crate) fn fingerprint(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
