//! The knowledge base in one SQLite file, shared with the embedded broker.
//!
//! One connection writes, a pool reads ([`Database`]). Every verb that writes is one `BEGIN IMMEDIATE` transaction that
//! checks its fence first. Statements over many rows take them as one JSON array and unfold it by `json_each`: one
//! round trip to the connection's thread, one prepared statement, rows in key order.
//!
//! Vectors are searched in memory: the module `vectors` loads a tenant's vectors of one model at its first search and is kept
//! current by what this store commits, which is everything where one process owns the file; processes that share it tell
//! each other what they commit, by rows in it.

mod accept;
mod chunks;
mod documents;
mod embeddings;
mod encoding;
mod error;
mod fence;
mod graph;
mod hashes;
mod removal;
mod search;
mod stages;
mod support;
mod vectors;
mod weights;
mod write;

use std::sync::Arc;

use graphmill_queue::{clock::Clock, sqlite::Database};

use self::vectors::VectorCache;
use crate::Result;

/// Names a statement of this module's `queries` folder, `<table>/<verb>`.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/sqlite/queries/",
            $name,
            ".sql"
        ))
    };
}
use sql;

/// The knowledge base on SQLite. Implements [`crate::KnowledgeStore`].
#[derive(Debug)]
pub struct SqliteStore {
    database: Database,
    clock: Arc<dyn Clock>,
    vectors: VectorCache,
}

impl SqliteStore {
    /// Takes an open database, whose schema [`Database::open`] brought up to date, and reads from it once.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] when the file is damaged, [`crate::Error::Unavailable`] when it cannot be read.
    pub async fn open(database: Database, clock: Arc<dyn Clock>) -> Result<Self> {
        sqlx::query("SELECT id FROM documents LIMIT 1")
            .fetch_optional(database.readers())
            .await?;
        Ok(Self {
            database,
            clock,
            vectors: VectorCache::default(),
        })
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }
}
