//! The way in: bytes become a blob, a document row and a job, in an order that loses nothing.
//!
//! The blob is stored first, then the document with its stage row and the job's id in one transaction, then the job.
//! Whatever dies in between is either unknown to the client (it sends again) or found by [`crate::reconcile`].

use std::{sync::atomic::Ordering, time::Duration};

use graphmill_queue::{Broker, JobId, JobState, Priority, broker::JobFilter, handler::Job};
use graphmill_store::{
    BlobHash, DocumentId, VersionId,
    documents::{AcceptedKind, NewDocument},
    stages::OpenStage,
};
use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};

use crate::{Services, kinds::DeleteDocument, stages::Lineage};

/// A document whose bytes are in the blob store already.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// Whose it is.
    pub tenant: String,
    /// Where it comes from; `None` makes the content its identity (`blake3:<hash>`).
    pub source: Option<String>,
    /// What to call it.
    pub title: String,
    /// The type its sender says it has.
    pub declared_type: Option<String>,
    /// Its bytes.
    pub blob: BlobHash,
    /// Their number.
    pub size_bytes: u64,
    /// The sender's own fields, a JSON object.
    pub metadata: Value,
    /// How urgent its jobs are.
    pub priority: Priority,
}

/// What became of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submitted {
    /// The document.
    pub document: DocumentId,
    /// The version with these bytes.
    pub version: VersionId,
    /// The job that processes it; `None` when nothing is left to do.
    pub job: Option<JobId>,
    /// What it is in relation to what was there.
    pub kind: AcceptedKind,
}

/// Why a document was not accepted, or could not be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] graphmill_store::Error),
    /// The broker refused or failed.
    #[error(transparent)]
    Queue(#[from] graphmill_queue::Error),
    /// Too many jobs wait; try again later.
    #[error(
        "{waiting} jobs wait already, the limit (`api.max_waiting_jobs`) is {limit}; try again later"
    )]
    QueueFull {
        /// Jobs that wait.
        waiting: u64,
        /// The limit.
        limit: u64,
    },
    /// The bytes went between their upload and their acceptance; send them again.
    #[error("the bytes `{0}` are not in the blob store; send them again")]
    BlobMissing(BlobHash),
    /// There is no such document.
    #[error("document `{0}` does not exist")]
    NotFound(DocumentId),
    /// Nothing of it failed, so nothing can be retried.
    #[error("document `{0}` has no failed stage")]
    NotFailed(DocumentId),
}

impl Services {
    /// Accepts a document: its row with its pending stage first, then its job. Safe to repeat after any failure: the
    /// same source and bytes give the same document, version and job.
    ///
    /// # Errors
    /// See [`IntakeError`].
    pub async fn submit_document(&self, submission: Submission) -> Result<Submitted, IntakeError> {
        self.admission.check(self.broker.as_ref()).await?;
        let document = NewDocument {
            source: submission
                .source
                .unwrap_or_else(|| format!("blake3:{}", submission.blob)),
            tenant: submission.tenant.clone(),
            title: submission.title,
            declared_type: submission.declared_type,
            blob: submission.blob,
            size_bytes: submission.size_bytes,
            metadata: submission.metadata,
        };
        let accepted = {
            let _beside = self.blob_gate.beside().await?;
            if !self.blobs.exists(&document.blob).await? {
                return Err(IntakeError::BlobMissing(document.blob));
            }
            self.store.accept_document(&document).await?
        };
        let open = self.store.open_stages_of(accepted.version).await?;
        let lineage = Lineage {
            tenant: submission.tenant,
            priority: submission.priority,
            parent: None,
            traceparent: None,
        };
        self.or_sweep(self.submit_stages(&open, &lineage).await)?;
        Ok(Submitted {
            document: accepted.document,
            version: accepted.version,
            job: open.first().map(|stage| stage.job_id),
            kind: accepted.kind,
        })
    }

    /// Hides a document and submits the job that removes it. Repeating it gives the same job while that one lives.
    ///
    /// # Errors
    /// See [`IntakeError`].
    pub async fn delete_document(&self, id: DocumentId) -> Result<JobId, IntakeError> {
        if !self.store.mark_deleting(id).await? {
            return Err(IntakeError::NotFound(id));
        }
        Ok(self.or_sweep(self.submit_delete(id).await)?)
    }

    /// After a submit that failed the rows are there and the job is not. A client that sends again brings it about; one
    /// that does not must not leave a document that waits for ever.
    fn or_sweep<T>(
        &self,
        submitted: Result<T, graphmill_queue::Error>,
    ) -> Result<T, graphmill_queue::Error> {
        if submitted.is_err() {
            self.sweep_wanted.store(true, Ordering::Release);
        }
        submitted
    }

    /// Submits the job that removes a document which is marked already.
    pub(crate) async fn submit_delete(
        &self,
        id: DocumentId,
    ) -> Result<JobId, graphmill_queue::Error> {
        let mut job = DeleteDocument { document: id }
            .into_new_job()
            .map_err(|error| graphmill_queue::Error::Invalid(error.to_string()))?;
        job.tags = vec![format!("document:{id}")];
        let verdicts = self.broker.submit(vec![job], false).await?;
        verdicts
            .first()
            .and_then(graphmill_queue::broker::Verdict::id)
            .ok_or_else(|| {
                graphmill_queue::Error::Invalid(format!(
                    "the delete job was not accepted: {verdicts:?}"
                ))
            })
    }

    /// Makes the failed stages of a document run again.
    ///
    /// # Errors
    /// See [`IntakeError`].
    pub async fn retry_document(&self, id: DocumentId) -> Result<Vec<JobId>, IntakeError> {
        let document = self
            .store
            .get_document(id)
            .await?
            .ok_or(IntakeError::NotFound(id))?;
        let reset: Vec<OpenStage> = self.store.reset_failed_stages(id).await?;
        if reset.is_empty() {
            return Err(IntakeError::NotFailed(id));
        }
        let lineage = Lineage {
            tenant: document.tenant,
            priority: Priority::Normal,
            parent: None,
            traceparent: None,
        };
        self.or_sweep(self.submit_stages(&reset, &lineage).await)?;
        Ok(reset.into_iter().map(|stage| stage.job_id).collect())
    }
}

/// How long a count of waiting jobs is believed.
const COUNT_FOR: Duration = Duration::from_secs(1);

/// Refuses new documents while too many jobs wait. Counts at most once a second, so admission costs nothing per call.
pub struct Admission {
    limit: u64,
    counted: Mutex<Option<(Instant, u64)>>,
}

impl Admission {
    /// Allows `limit` waiting jobs.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            counted: Mutex::new(None),
        }
    }

    /// Asks whether more jobs may come.
    ///
    /// # Errors
    /// [`IntakeError::QueueFull`], or why they cannot be counted.
    pub async fn check(&self, broker: &dyn Broker) -> Result<(), IntakeError> {
        let mut counted = self.counted.lock().await;
        let waiting = match *counted {
            Some((at, waiting)) if at.elapsed() < COUNT_FOR => waiting,
            _ => {
                let waiting = count_waiting(broker).await?;
                *counted = Some((Instant::now(), waiting));
                waiting
            }
        };
        if waiting >= self.limit {
            return Err(IntakeError::QueueFull {
                waiting,
                limit: self.limit,
            });
        }
        Ok(())
    }
}

async fn count_waiting(broker: &dyn Broker) -> Result<u64, graphmill_queue::Error> {
    let counts = broker.counts(&JobFilter::default()).await?;
    Ok(counts
        .into_iter()
        .filter(|(state, _)| !state.is_terminal() && *state != JobState::Running)
        .map(|(_, count)| count)
        .sum())
}
