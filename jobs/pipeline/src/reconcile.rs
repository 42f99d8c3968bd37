//! Two stores, one truth: what the knowledge base says should run, and what the broker knows.
//!
//! The stage rows are the truth. [`sweep`] goes through all that are open and settles each by what became of its job:
//! never submitted (a crash between two stores) → submit it; dead or cancelled → the stage has failed; live → leave it.
//! It runs at start-up, and after a submit that failed ([`sweep_when_wanted`]). While the process lives, [`Settler`]
//! follows the broker's events and does the same for single jobs that die or are cancelled without their handler having a
//! say (lost workers, time limits, cancel requests).
//!
//! Any number of processes may do any of this at the same time. A job is submitted under the id that its row names, and
//! the broker takes an id once. A stage is marked as failed by a statement that only meets the open row of that job. A
//! delete job is unique per document. Unused bytes are deleted alone ([`crate::blob_gate`]). And what ran once too often
//! finds its stage done.

use std::{sync::atomic::Ordering, time::Duration};

use graphmill_queue::{JobRecord, JobState, broker::JobEvent};
use graphmill_store::{DocumentId, Stage, stages::OpenStage};
use serde_json::from_value;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    Services,
    stages::{Lineage, StageTarget},
};

/// Stage rows looked at in one step.
const SWEEP_PAGE: usize = 500;
/// Events read in one step.
const EVENT_PAGE: usize = 1_000;

/// How often a process looks whether a sweep is wanted.
const WANTED_EVERY: Duration = Duration::from_secs(1);

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Jobs submitted because the broker never had them.
    pub submitted: u64,
    /// Stages marked as failed because their job is dead or cancelled.
    pub failed: u64,
    /// Delete jobs submitted again.
    pub deletes: u64,
    /// Unused blobs collected.
    pub blobs: u64,
}

/// Why a sweep stopped early; repeating it is right.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] graphmill_store::Error),
    /// The broker did not answer.
    #[error(transparent)]
    Queue(#[from] graphmill_queue::Error),
}

/// Settles every open stage by what became of its job. Safe to repeat, and to run beside workers.
///
/// # Errors
/// When a store does not answer.
pub async fn sweep(services: &Services) -> Result<Swept, SweepError> {
    let mut swept = Swept::default();
    let mut after: Option<DocumentId> = None;
    loop {
        let page = services.store.open_stages(after, SWEEP_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.document);
        for stage in &page {
            settle(services, stage, &mut swept).await?;
        }
    }
    for document in services.store.deleting_documents(SWEEP_PAGE).await? {
        services.submit_delete(document).await?;
        swept.deletes += 1;
    }
    let unused = services.store.unused_blobs(SWEEP_PAGE).await?;
    services.collect_blobs(&unused).await?;
    swept.blobs = unused.len() as u64;
    info!(
        submitted = swept.submitted,
        failed = swept.failed,
        deletes = swept.deletes,
        blobs = swept.blobs,
        "open stages were compared with the broker"
    );
    Ok(swept)
}

/// Sweeps now, and whenever a submit of this process failed (`Services::sweep_wanted`), until `stop` fires. Every process
/// that writes rows needs it: another one does not know what was cut off here.
pub async fn sweep_when_wanted(services: Services, stop: CancellationToken) {
    let mut failing = false;
    services.sweep_wanted.store(true, Ordering::Release);
    while stop
        .run_until_cancelled(tokio::time::sleep(WANTED_EVERY))
        .await
        .is_some()
    {
        if !services.sweep_wanted.swap(false, Ordering::AcqRel) {
            continue;
        }
        match sweep(&services).await {
            Ok(_) => failing = false,
            Err(error) => {
                // Said once: it is tried again until it works.
                if !failing {
                    warn!(%error, "open stages cannot be compared with the broker yet");
                }
                failing = true;
                services.sweep_wanted.store(true, Ordering::Release);
            }
        }
    }
}

async fn settle(
    services: &Services,
    stage: &OpenStage,
    swept: &mut Swept,
) -> Result<(), SweepError> {
    match services.broker.get(stage.job_id).await? {
        None => {
            let Some(document) = services.store.get_document(stage.document).await? else {
                return Ok(());
            };
            let lineage = Lineage {
                tenant: document.tenant,
                priority: graphmill_queue::Priority::Normal,
                parent: None,
                traceparent: None,
            };
            services.submit_stages(&[*stage], &lineage).await?;
            swept.submitted += 1;
        }
        Some(job) if job.state.is_terminal() => {
            if settle_by_job(services, stage, &job).await? {
                swept.failed += 1;
            }
        }
        Some(_) => {}
    }
    Ok(())
}

/// Marks a stage as failed whose job ended without completing it. Returns whether it did.
async fn settle_by_job(
    services: &Services,
    stage: &OpenStage,
    job: &JobRecord,
) -> Result<bool, SweepError> {
    let (code, message) = match (job.state, job.errors.last()) {
        (JobState::Cancelled, _) => (
            "job.cancelled".to_owned(),
            "the job was cancelled".to_owned(),
        ),
        (JobState::Dead, Some(last)) => (last.error.code.clone(), last.error.message.clone()),
        (JobState::Dead, None) => (
            "job.dead".to_owned(),
            "the job died without saying why".to_owned(),
        ),
        _ => {
            // Completed means that the handler found nothing to do (replaced, deleted) while the row said otherwise.
            return match services.broker.retry(job.id()).await {
                // Another process was faster: it runs again, or is gone and will be found missing.
                Ok(_)
                | Err(
                    graphmill_queue::Error::Conflict { .. } | graphmill_queue::Error::NotFound(_),
                ) => Ok(false),
                Err(error) => Err(error.into()),
            };
        }
    };
    Ok(services
        .store
        .fail_open_stage(stage, &code, &message)
        .await?)
}

/// Follows the broker's events and settles the stages of jobs that ended without their handler having a say.
pub struct Settler {
    services: Services,
    seq: u64,
}

impl Settler {
    /// Starts after the newest event there is: what came before is the sweep's.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn start(services: Services) -> Result<Self, graphmill_queue::Error> {
        let mut seq = 0;
        loop {
            let page = services.broker.events(seq, EVENT_PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(Self { services, seq });
            };
            seq = last.seq;
        }
    }

    /// Returns the last event that is settled.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Settles what happened since the last call. Returns how many stages it marked as failed.
    ///
    /// # Errors
    /// When a store does not answer; the next call begins where this one stopped.
    pub async fn step(&mut self) -> Result<u64, SweepError> {
        let mut failed = 0;
        loop {
            let page = self.services.broker.events(self.seq, EVENT_PAGE).await?;
            if page.is_empty() {
                return Ok(failed);
            }
            for event in page {
                if matches!(event.state, JobState::Dead | JobState::Cancelled) {
                    failed += u64::from(self.settle_event(&event).await?);
                }
                self.seq = event.seq;
            }
        }
    }

    async fn settle_event(&self, event: &JobEvent) -> Result<bool, SweepError> {
        let Some(stage) = stage_of_kind(&event.kind) else {
            return Ok(false);
        };
        let Some(job) = self.services.broker.get(event.job_id).await? else {
            return Ok(false);
        };
        if !matches!(job.state, JobState::Dead | JobState::Cancelled) {
            return Ok(false); // retried in the meantime
        }
        let Ok(target) = from_value::<StageTarget>(job.spec.payload.clone()) else {
            warn!(job.id = %event.job_id, job.kind = %event.kind, "a pipeline job has a payload that names no stage");
            return Ok(false);
        };
        let stage = OpenStage {
            document: target.document,
            version: target.version,
            stage,
            shard: target.shard,
            job_id: event.job_id,
        };
        settle_by_job(&self.services, &stage, &job).await
    }
}

/// Returns the stage that jobs of this kind work on.
fn stage_of_kind(kind: &str) -> Option<Stage> {
    use graphmill_queue::handler::Job;

    use crate::kinds::{EmbedDocument, ExtractGraph, FinalizeDocument, ProcessDocument};
    match kind {
        ProcessDocument::KIND => Some(Stage::Process),
        EmbedDocument::KIND => Some(Stage::Embed),
        ExtractGraph::KIND => Some(Stage::Extract),
        FinalizeDocument::KIND => Some(Stage::Finalize),
        _ => None,
    }
}
