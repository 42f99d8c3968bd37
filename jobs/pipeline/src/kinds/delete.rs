//! `document.delete`: removes exactly what only this document supported.

use std::time::Duration;

use graphmill_queue::{JobContext, Outcome, handler::Job, outcome::JobError};
use graphmill_store::DocumentId;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Pipeline;

/// Removes a document that is marked as being deleted.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct DeleteDocument {
    /// Which one.
    pub document: DocumentId,
}

impl Job for DeleteDocument {
    const KIND: &'static str = "document.delete";
    const QUEUE: &'static str = "control";
    const TIMEOUT: Duration = Duration::from_mins(10);
    type Context = Pipeline;

    fn unique_key(&self) -> Option<String> {
        Some(format!("delete:{}", self.document))
    }

    async fn run(self, pipeline: Pipeline, job: JobContext) -> Outcome {
        let services = &pipeline.services;
        job.progress(0, 2, "remove");
        let removed = match services.store.remove_document(self.document).await {
            Ok(removed) => removed,
            Err(error) => return failed(&error),
        };
        job.progress(1, 2, "blobs");
        if let Err(error) = services.collect_blobs(&removed.blobs).await {
            return failed(&error);
        }
        Outcome::Done(json!(removed))
    }
}

fn failed(error: &graphmill_store::Error) -> Outcome {
    let job_error = JobError::new(error.code(), error.to_string());
    if error.is_transient() {
        Outcome::Retry(job_error)
    } else {
        Outcome::Permanent(job_error)
    }
}
