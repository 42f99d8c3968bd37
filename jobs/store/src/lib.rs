//! What the knowledge base remembers, behind traits: documents, stages, chunks, vectors, entities, relations, blobs.
//!
//! Only this crate speaks the application's SQL. The traits say what holds; [`sqlite`] is the embedded implementation.
//!
//! **Invariant: every write of a stage is fenced.** A [`Fence`] names the lease under which a stage runs; the write and
//! the check happen in one transaction, so a worker that lost its lease cannot overwrite its successor.
//!
//! **Invariant: derived rows follow from support rows.** An entity's name, type and counts and a relation's weight are
//! sums over evidence, so the same documents give the same graph in whatever order they arrived, and a deleted document
//! leaves nothing behind.

pub mod blob;
pub mod chunks;
pub mod documents;
pub mod embeddings;
pub mod error;
pub mod graph;
pub mod id;
pub mod search;
pub mod sqlite;
pub mod stages;

pub use blob::{BlobHash, Blobs, ObjectBlobs};
pub use error::{Error, Result};
pub use id::{ChunkId, DocumentId, EntityId, RelationId, VersionId};
pub use sqlite::SqliteStore;
pub use stages::{Fence, Stage};

/// Everything the pipeline, the API and retrieval need of a store.
pub trait KnowledgeStore:
    documents::Documents
    + stages::Stages
    + chunks::Chunks
    + embeddings::Embeddings
    + graph::Graph
    + search::Search
    + Send
    + Sync
    + 'static
{
}

impl<T> KnowledgeStore for T where
    T: documents::Documents
        + stages::Stages
        + chunks::Chunks
        + embeddings::Embeddings
        + graph::Graph
        + search::Search
        + Send
        + Sync
        + 'static
{
}
