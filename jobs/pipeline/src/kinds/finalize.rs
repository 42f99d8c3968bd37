//! `document.finalize`: every shard of a version is done.
//!
//! The stage is the document's end as its owner sees it: the status follows from this row, and what waits for a
//! document to be complete (webhooks, batches) hangs on this job.

use std::time::Duration;

use graphmill_queue::{JobContext, Outcome, handler::Job};
use graphmill_store::Stage;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Pipeline,
    stages::{StageError, StageGuard, StageTarget, fingerprint},
};

/// Ends one version of a document.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FinalizeDocument(pub StageTarget);

impl Job for FinalizeDocument {
    const KIND: &'static str = "document.finalize";
    const QUEUE: &'static str = "control";
    const TIMEOUT: Duration = Duration::from_mins(1);
    type Context = Pipeline;

    async fn run(self, pipeline: Pipeline, job: JobContext) -> Outcome {
        let stage = StageGuard::new(&pipeline.services, &job, Stage::Finalize, self.0);
        let result = finalize(&pipeline, &stage, self.0).await;
        stage.outcome(result).await
    }
}

async fn finalize(
    pipeline: &Pipeline,
    stage: &StageGuard<'_>,
    target: StageTarget,
) -> Result<Value, StageError> {
    let document = pipeline
        .services
        .store
        .get_document(target.document)
        .await?
        .ok_or(StageError::Void)?;
    let version = target.version.to_string();
    if stage
        .begin(&fingerprint(&["finalize-v1", &version]))
        .await?
    {
        stage.complete(document.chunks).await?;
    }
    Ok(json!({ "chunks": document.chunks }))
}
