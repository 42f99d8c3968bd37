//! What goes, and everything that only it kept alive.
//!
//! Support hangs on chunks, sums on support, vectors and extractions on texts, blobs on versions. Each step here removes
//! one layer and names what it may have orphaned for the next, so a removal costs what it touches, however large the rest
//! is.

use std::collections::BTreeSet;

use sqlx::SqliteConnection;

use super::{
    SqliteStore,
    documents::blob_hashes,
    encoding::{json_rows, uuid_bytes},
    fence::Target,
    sql, support,
    vectors::VectorChange,
    write::Write,
};
use crate::{DocumentId, Result, documents::Removed};

/// What the removal of chunks took with it, and which texts may be nobody's now.
#[derive(Debug, Default)]
pub(super) struct RemovedChunks {
    pub(super) text_hashes: BTreeSet<String>,
    entities: u64,
    relations: u64,
}

/// Whose chunks are removed.
pub(super) struct Owner<'a> {
    document: &'a [u8],
    tenant: &'a str,
}

impl<'a> From<&'a Target> for Owner<'a> {
    fn from(target: &'a Target) -> Self {
        Self {
            document: &target.document,
            tenant: &target.tenant,
        }
    }
}

/// Removes chunks of one document with their support and full-text rows.
pub(super) async fn remove_chunks<'a>(
    write: &mut Write<'_>,
    owner: impl Into<Owner<'a>>,
    chunks: &BTreeSet<i64>,
) -> Result<RemovedChunks> {
    let owner = owner.into();
    if chunks.is_empty() {
        return Ok(RemovedChunks::default());
    }
    let swept = support::retract(write.connection(), owner.tenant, owner.document, chunks).await?;
    let seqs = json_rows(chunks);
    sqlx::query("DELETE FROM chunks_fts WHERE rowid IN (SELECT value FROM json_each(?1))")
        .bind(&seqs)
        .execute(write.connection())
        .await?;
    let text_hashes: Vec<String> = sqlx::query_scalar(sql!("chunks/remove"))
        .bind(&seqs)
        .fetch_all(write.connection())
        .await?;
    write.note([VectorChange::Remove {
        tenant: owner.tenant.to_owned(),
        chunks: chunks.iter().copied().collect(),
    }]);
    Ok(RemovedChunks {
        text_hashes: text_hashes.into_iter().collect(),
        entities: swept.entities,
        relations: swept.relations,
    })
}

/// Removes the vectors and extractions of those texts that no chunk has any more; returns how many of each.
pub(super) async fn remove_unused_texts(
    connection: &mut SqliteConnection,
    text_hashes: &BTreeSet<String>,
) -> Result<(u64, u64)> {
    if text_hashes.is_empty() {
        return Ok((0, 0));
    }
    let hashes = json_rows(text_hashes);
    let models: Vec<String> = sqlx::query_scalar(sql!("embeddings/remove_unused"))
        .bind(&hashes)
        .fetch_all(&mut *connection)
        .await?;
    if !models.is_empty() {
        sqlx::query(sql!("embedding_models/subtract"))
            .bind(json_rows(&models))
            .execute(&mut *connection)
            .await?;
        sqlx::query("DELETE FROM embedding_models WHERE vectors = 0")
            .execute(&mut *connection)
            .await?;
    }
    let extractions = sqlx::query(sql!("extractions/remove_unused"))
        .bind(&hashes)
        .execute(connection)
        .await?;
    Ok((models.len() as u64, extractions.rows_affected()))
}

/// Removes every version but `kept` with its stage rows. Their blobs become unused where nobody else has them.
pub(super) async fn remove_older_versions(
    connection: &mut SqliteConnection,
    document: &[u8],
    kept: &[u8],
    now_ms: i64,
) -> Result<()> {
    remove_versions(connection, document, Some(kept), now_ms).await?;
    Ok(())
}

/// Removes a document's versions, except `kept`; returns the blobs that became unused.
async fn remove_versions(
    connection: &mut SqliteConnection,
    document: &[u8],
    kept: Option<&[u8]>,
    now_ms: i64,
) -> Result<Vec<String>> {
    sqlx::query(sql!("stage_runs/remove_of_document"))
        .bind(document)
        .bind(kept)
        .execute(&mut *connection)
        .await?;
    let blobs: Vec<String> = sqlx::query_scalar(
        "DELETE FROM document_versions WHERE document = ?1 AND id IS NOT ?2 RETURNING blob",
    )
    .bind(document)
    .bind(kept)
    .fetch_all(&mut *connection)
    .await?;
    if blobs.is_empty() {
        return Ok(Vec::new());
    }
    let unused = sqlx::query_scalar(sql!("blobs/mark_unused"))
        .bind(json_rows(&blobs))
        .bind(now_ms)
        .fetch_all(connection)
        .await?;
    Ok(unused)
}

impl SqliteStore {
    /// Removes a document in one transaction.
    pub(super) async fn remove(&self, id: DocumentId) -> Result<Removed> {
        let now_ms = self.now_ms();
        let document = uuid_bytes(id.as_uuid());
        let mut write = self.write().await?;
        let tenant: Option<String> =
            sqlx::query_scalar("SELECT tenant FROM documents WHERE id = ?1")
                .bind(&document)
                .fetch_optional(write.connection())
                .await?;
        let Some(tenant) = tenant else {
            return Ok(Removed::default());
        };
        let chunks = write.chunks_of(id).await?;
        let owner = Owner {
            document: &document,
            tenant: &tenant,
        };
        let removed = remove_chunks(&mut write, owner, &chunks).await?;
        let connection = write.connection();
        let (embeddings, extractions) =
            remove_unused_texts(connection, &removed.text_hashes).await?;
        let mut blobs = remove_versions(connection, &document, None, now_ms).await?;
        sqlx::query("DELETE FROM documents WHERE id = ?1")
            .bind(&document)
            .execute(&mut *connection)
            .await?;
        write.commit().await?;
        blobs.sort_unstable();
        Ok(Removed {
            chunks: chunks.len() as u64,
            embeddings,
            extractions,
            entities: removed.entities,
            relations: removed.relations,
            blobs: blob_hashes(&blobs)?,
        })
    }
}

impl Write<'_> {
    /// Returns the chunks that a document has now, of whatever version.
    async fn chunks_of(&mut self, id: DocumentId) -> Result<BTreeSet<i64>> {
        let chunks: Vec<i64> = sqlx::query_scalar(sql!("chunks/list_seqs"))
            .bind(uuid_bytes(id.as_uuid()))
            .fetch_all(self.connection())
            .await?;
        Ok(chunks.into_iter().collect())
    }

    /// Takes a document's chunks out of vector search. Search by words reads the mark itself.
    pub(super) async fn hide_document(&mut self, id: DocumentId) -> Result<()> {
        if !self.tracks_vectors() {
            return Ok(());
        }
        let chunks = self.chunks_of(id).await?;
        let tenant: Option<String> =
            sqlx::query_scalar("SELECT tenant FROM documents WHERE id = ?1")
                .bind(uuid_bytes(id.as_uuid()))
                .fetch_optional(self.connection())
                .await?;
        if let Some(tenant) = tenant {
            self.note([VectorChange::Remove {
                tenant,
                chunks: chunks.into_iter().collect(),
            }]);
        }
        Ok(())
    }
}
