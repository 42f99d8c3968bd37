//! What the API answers, as far as text output needs it. JSON output passes the answer on as it came.

#![expect(clippy::struct_field_names, reason = "the names are the API's")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A list with the cursor of its next page.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

/// The answer to an upload.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Uploaded {
    pub(crate) document_id: String,
    pub(crate) result: UploadResult,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UploadResult {
    Created,
    NewVersion,
    Unchanged,
}

/// Why a document failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DocumentError {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// One document of a lookup.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LookedUp {
    pub(crate) document_id: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) chunks: u64,
    pub(crate) error: Option<DocumentError>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Document {
    pub(crate) document_id: String,
    pub(crate) title: String,
    pub(crate) source: String,
    pub(crate) status: String,
    pub(crate) file_type: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) size_bytes: u64,
    pub(crate) pages: Option<u64>,
    pub(crate) chunks: Option<u64>,
    #[serde(default)]
    pub(crate) warnings: Vec<serde_json::Value>,
    pub(crate) error: Option<DocumentError>,
    pub(crate) progress: Option<Shards>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    #[serde(default)]
    pub(crate) stages: Vec<Stage>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Shards {
    pub(crate) done: u64,
    pub(crate) total: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Stage {
    pub(crate) stage: String,
    pub(crate) shard: u64,
    pub(crate) state: String,
    pub(crate) items: Option<u64>,
    pub(crate) attempt: Option<u64>,
    pub(crate) error_code: Option<String>,
    pub(crate) error_message: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) queue: String,
    pub(crate) state: String,
    pub(crate) dead_reason: Option<String>,
    pub(crate) attempt: u64,
    pub(crate) max_attempts: u64,
    #[serde(default)]
    pub(crate) crashes: u64,
    pub(crate) worker: Option<String>,
    pub(crate) progress: Option<JobProgress>,
    #[serde(default)]
    pub(crate) errors: Vec<JobError>,
    pub(crate) submitted_at: String,
    pub(crate) started_at: Option<String>,
    pub(crate) finished_at: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct JobProgress {
    pub(crate) done: u64,
    pub(crate) total: u64,
    #[serde(default)]
    pub(crate) stage: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct JobError {
    pub(crate) attempt: u64,
    pub(crate) class: String,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) at: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Queue {
    pub(crate) queue: String,
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) oldest_ready_s: Option<f64>,
    pub(crate) paused: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Answer {
    pub(crate) query: String,
    pub(crate) seconds: f64,
    pub(crate) results: Vec<Found>,
}

/// A chunk that answers a query.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Found {
    pub(crate) text: String,
    pub(crate) score: f64,
    pub(crate) document: String,
    pub(crate) page: Option<u64>,
    #[serde(default)]
    pub(crate) heading_path: Vec<String>,
    #[serde(default)]
    pub(crate) evidence: Evidence,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Evidence {
    #[serde(default)]
    pub(crate) entities: Vec<Entity>,
    #[serde(default)]
    pub(crate) relations: Vec<Relation>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Entity {
    pub(crate) name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Relation {
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) label: Option<String>,
}

/// The size of the knowledge base.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Stats {
    pub(crate) chunks: u64,
    pub(crate) embeddings: u64,
    pub(crate) entities: u64,
    pub(crate) relations: u64,
}
