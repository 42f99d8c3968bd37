//! Chunks of documents.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    ChunkId, DocumentId, Fence, Result, Stage, VersionId, documents::ParsedFacts, stages::OpenStage,
};

/// A chunk as the process stage writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChunk {
    /// See [`ChunkId`].
    pub id: ChunkId,
    /// Place in the document, from 0.
    pub ordinal: u32,
    /// The text.
    pub text: String,
    /// BLAKE3 of the text, hex: the key of its vector and its extraction.
    pub text_hash: String,
    /// First byte in the document's normalised text.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// First character.
    pub start_char: u64,
    /// One past the last character.
    pub end_char: u64,
    /// First page it touches.
    pub page: Option<u32>,
    /// Last page it touches.
    pub last_page: Option<u32>,
    /// The headings above it, outermost first.
    pub heading_path: Vec<String>,
    /// Tokens.
    pub tokens: u32,
    /// The words full-text search finds it by, segmented, separated by spaces.
    pub words: String,
}

/// A chunk as it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRecord {
    /// Its id.
    pub id: ChunkId,
    /// Its document.
    pub document: DocumentId,
    /// That document's title.
    pub document_title: String,
    /// That document's source.
    pub document_source: String,
    /// Place in the document, from 0.
    pub ordinal: u32,
    /// The text.
    pub text: String,
    /// BLAKE3 of the text, hex.
    pub text_hash: String,
    /// First byte in the document's normalised text.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// First character.
    pub start_char: u64,
    /// One past the last character.
    pub end_char: u64,
    /// First page it touches.
    pub page: Option<u32>,
    /// Last page it touches.
    pub last_page: Option<u32>,
    /// The headings above it.
    pub heading_path: Vec<String>,
    /// Tokens.
    pub tokens: u32,
}

/// The text of a chunk, for a stage to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkText {
    /// Its id.
    pub id: ChunkId,
    /// BLAKE3 of the text, hex.
    pub text_hash: String,
    /// The text.
    pub text: String,
}

/// Chunks.
#[async_trait]
pub trait Chunks {
    /// Ends the process stage: replaces the document's chunks (of whatever version) by these, writes what parsing found
    /// out, creates the pending embed and extract stages (shard *i* holds ordinals `i * shard_chunks ..`; the row keeps
    /// its range, so a later change of the setting does not matter) and the finalize stage, each with its job id, and
    /// completes the process stage, in one transaction. Chunks that stay keep their support rows and vectors; what no
    /// chunk uses any more goes. Returns the stages that may run now: the shards, or finalize for a document without
    /// chunks.
    ///
    /// # Errors
    /// [`crate::Error::Fenced`], [`crate::Error::Superseded`].
    async fn replace_chunks(
        &self,
        fence: &Fence,
        facts: &ParsedFacts,
        chunks: &[NewChunk],
        shard_chunks: u32,
    ) -> Result<Vec<OpenStage>>;

    /// Returns the chunks of one shard (of an embed or extract stage row), by ordinal.
    async fn shard_chunks(
        &self,
        version: VersionId,
        stage: Stage,
        shard: u32,
    ) -> Result<Vec<ChunkText>>;

    /// Lists a document's chunks by ordinal, at most `limit` from ordinal `from`.
    async fn list_chunks(
        &self,
        id: DocumentId,
        from: u32,
        limit: usize,
    ) -> Result<Vec<ChunkRecord>>;

    /// Returns chunks by id, in the order given; unknown ones are left out.
    async fn get_chunks(&self, ids: &[ChunkId]) -> Result<Vec<ChunkRecord>>;
}
