//! Documents and their versions. A document's status is derived from its stage rows, never stored.

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use graphmill_queue::JobId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{BlobHash, DocumentId, Result, VersionId, stages::StageRun};

/// A document as it is handed in.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDocument {
    /// Whose it is.
    pub tenant: String,
    /// Where it comes from: a path, a URL, a client's own key. With the tenant it identifies the document: the same
    /// source with other bytes is a new version.
    pub source: String,
    /// What to call it.
    pub title: String,
    /// The type its sender says it has; a hint, bytes decide.
    pub declared_type: Option<String>,
    /// Its bytes.
    pub blob: BlobHash,
    /// Their number.
    pub size_bytes: u64,
    /// The sender's own fields, a JSON object.
    pub metadata: Value,
}

/// What became of a document that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The document.
    pub document: DocumentId,
    /// The version that holds these bytes.
    pub version: VersionId,
    /// The job of that version's process stage. The id is given out with the stage row, in the same transaction, and
    /// the job is submitted under it afterwards: so a job that was lost between two stores is found by its id.
    pub job_id: JobId,
    /// What it is in relation to what was there.
    pub kind: AcceptedKind,
}

/// How an accepted document relates to what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AcceptedKind {
    /// Its source was unknown.
    Created,
    /// Its source is known, its bytes are not the newest version's.
    NewVersion,
    /// The newest version has these bytes already.
    Unchanged,
}

/// Where a document stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentStatus {
    /// Nothing has begun.
    Pending,
    /// Some stage has begun, and it cannot be found by vector yet.
    Processing,
    /// Every vector is there; the graph is not complete.
    Searchable,
    /// Every stage is done.
    Completed,
    /// A stage failed for good; its error says why.
    Failed,
    /// It is being removed.
    Deleting,
}

impl DocumentStatus {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Processing,
        Self::Searchable,
        Self::Completed,
        Self::Failed,
        Self::Deleting,
    ];

    /// Returns the name used in SQL, JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Searchable => "searchable",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Deleting => "deleting",
        }
    }

    /// Tells whether work on it has ended.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

impl fmt::Display for DocumentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DocumentStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|status| status.as_str()).collect();
                format!(
                    "document status `{text}` is unknown; expected one of {}",
                    names.join(", ")
                )
            })
    }
}

/// What parsing found out about a version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParsedFacts {
    /// The detected type: `pdf`.
    pub file_type: String,
    /// The encoding, where that was a question.
    pub encoding: Option<String>,
    /// ISO 639-3.
    pub language: Option<String>,
    /// The title it gives itself.
    pub parsed_title: Option<String>,
    /// Pages, 0 where the format has none.
    pub pages: u32,
    /// Characters of normalised text.
    pub characters: u64,
    /// What was left out or mended.
    pub warnings: Vec<String>,
}

/// A document with its newest version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentRecord {
    /// Its id.
    pub id: DocumentId,
    /// Whose it is.
    pub tenant: String,
    /// Where it comes from.
    pub source: String,
    /// What to call it.
    pub title: String,
    /// The sender's own fields.
    pub metadata: Value,
    /// The newest version.
    pub version: VersionId,
    /// Its number, from 1.
    pub version_number: u32,
    /// The type its sender says it has.
    pub declared_type: Option<String>,
    /// Its bytes.
    pub blob: BlobHash,
    /// Their number.
    pub size_bytes: u64,
    /// What parsing found out, once it has.
    pub facts: Option<ParsedFacts>,
    /// Chunks it has now (of the newest version that was processed).
    pub chunks: u64,
    /// Derived from the stage rows of the newest version.
    pub status: DocumentStatus,
    /// The first failed stage's error, if there is one.
    pub error_code: Option<String>,
    /// Its sentence.
    pub error_message: Option<String>,
    /// When it was first accepted.
    pub created_at: Timestamp,
    /// When its newest version was accepted.
    pub updated_at: Timestamp,
}

/// Which documents a list means. Empty fields mean "any".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentFilter {
    /// Whose.
    pub tenant: Option<String>,
    /// With this status.
    pub status: Option<DocumentStatus>,
    /// Of this detected type.
    pub file_type: Option<String>,
    /// With this exact source.
    pub source: Option<String>,
}

/// What a deletion removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Chunks with their full-text rows.
    pub chunks: u64,
    /// Vectors that no other document uses.
    pub embeddings: u64,
    /// Cached extractions that no other document uses.
    pub extractions: u64,
    /// Entities that only this document supported.
    pub entities: u64,
    /// Relations that only this document supported.
    pub relations: u64,
    /// Blobs that no other version uses; the caller deletes their bytes, then calls [`Documents::forget_blob`].
    pub blobs: Vec<BlobHash>,
}

/// Documents and versions.
#[async_trait]
pub trait Documents {
    /// Accepts a document: its row, its version and the version's pending `process` stage, in one transaction. Repeating
    /// it gives [`AcceptedKind::Unchanged`]. A document that is being deleted is refused with [`crate::Error::Superseded`].
    async fn accept_document(&self, document: &NewDocument) -> Result<Accepted>;

    /// Returns a document.
    async fn get_document(&self, id: DocumentId) -> Result<Option<DocumentRecord>>;

    /// Lists documents, newest first, at most `limit` (1–1,000) after `cursor`; the cursor of the next page with them.
    async fn list_documents(
        &self,
        filter: &DocumentFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<DocumentRecord>, Option<String>)>;

    /// Counts documents by status, zeros included, in the order of [`DocumentStatus::ALL`].
    async fn count_documents(&self, tenant: Option<&str>) -> Result<Vec<(DocumentStatus, u64)>>;

    /// Returns the stage rows of a document's newest version, by stage and shard.
    async fn list_stages(&self, id: DocumentId) -> Result<Vec<StageRun>>;

    /// Marks a document as being deleted: it is not found by search from now on, and its stages' writes are refused with
    /// [`crate::Error::Superseded`]. Returns false if there is no such document. Repeating it is no error.
    async fn mark_deleting(&self, id: DocumentId) -> Result<bool>;

    /// Removes exactly what only this document supported. Safe to repeat after a crash; an unknown document removes
    /// nothing.
    async fn remove_document(&self, id: DocumentId) -> Result<Removed>;

    /// Says whether a version refers to these bytes.
    async fn blob_in_use(&self, hash: &BlobHash) -> Result<bool>;

    /// Forgets an unused blob's row after its bytes are gone; a blob that is in use again is left, and `false` returned.
    async fn forget_blob(&self, hash: &BlobHash) -> Result<bool>;

    /// Returns blobs that no version uses, at most `limit`.
    async fn unused_blobs(&self, limit: usize) -> Result<Vec<BlobHash>>;

    /// Returns documents that are being deleted, at most `limit`: for resubmitting lost delete jobs.
    async fn deleting_documents(&self, limit: usize) -> Result<Vec<DocumentId>>;
}
