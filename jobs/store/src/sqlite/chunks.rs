//! Chunks: replaced as a whole, read by shard, by document and by id.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    SqliteStore,
    encoding::{from_json, json_rows, uuid_bytes, uuid_from},
    fence, removal, sql, stages,
    write::Write,
};
use crate::{
    ChunkId, DocumentId, Error, Fence, Result, Stage, VersionId,
    chunks::{ChunkRecord, ChunkText, Chunks, NewChunk},
    documents::ParsedFacts,
    stages::{OpenStage, StageState},
};

#[async_trait]
impl Chunks for SqliteStore {
    async fn replace_chunks(
        &self,
        fence: &Fence,
        facts: &ParsedFacts,
        chunks: &[NewChunk],
        shard_chunks: u32,
    ) -> Result<Vec<OpenStage>> {
        check_chunks(fence, chunks, shard_chunks)?;
        let now_ms = self.now_ms();
        let mut write = self.write().await?;
        if stages::ended_by(write.connection(), fence, StageState::Completed).await? {
            return stages::open_of(write.connection(), fence.version).await;
        }
        let target = fence::check(write.connection(), fence).await?;
        let version = uuid_bytes(fence.version.as_uuid());

        let mut before = existing_chunks(write.connection(), &target.document).await?;
        let kept: Vec<(&NewChunk, Existing)> = chunks
            .iter()
            .filter_map(|chunk| Some((chunk, before.remove(chunk.id.as_str())?)))
            .collect();
        let gone: BTreeSet<i64> = before.into_values().map(|chunk| chunk.seq).collect();
        let kept_ids: BTreeSet<&ChunkId> = kept.iter().map(|(chunk, _)| &chunk.id).collect();

        let removed = removal::remove_chunks(&mut write, &target, &gone).await?;
        move_chunks(write.connection(), &version, &kept).await?;
        let added = add_chunks(
            write.connection(),
            &target.document,
            &version,
            chunks.iter().filter(|chunk| !kept_ids.contains(&chunk.id)),
        )
        .await?;
        removal::remove_unused_texts(write.connection(), &removed.text_hashes).await?;
        note_added(&mut write, &target.tenant, &added).await?;

        describe_version(write.connection(), &version, facts, chunks.len()).await?;
        removal::remove_older_versions(write.connection(), &target.document, &version, now_ms)
            .await?;
        stages::plan(
            write.connection(),
            &version,
            chunks.len() as u32,
            shard_chunks,
        )
        .await?;
        stages::complete(write.connection(), fence, chunks.len() as u64, now_ms).await?;
        let open = stages::open_of(write.connection(), fence.version).await?;
        write.commit().await?;
        Ok(open)
    }

    async fn shard_chunks(
        &self,
        version: VersionId,
        stage: Stage,
        shard: u32,
    ) -> Result<Vec<ChunkText>> {
        let rows: Vec<(String, String, String)> = sqlx::query_as(sql!("chunks/list_shard"))
            .bind(uuid_bytes(version.as_uuid()))
            .bind(stage.as_str())
            .bind(shard)
            .fetch_all(self.database.readers())
            .await?;
        Ok(rows
            .into_iter()
            .map(|(id, text_hash, text)| ChunkText {
                id: ChunkId::from_stored(id),
                text_hash,
                text,
            })
            .collect())
    }

    async fn list_chunks(
        &self,
        id: DocumentId,
        from: u32,
        limit: usize,
    ) -> Result<Vec<ChunkRecord>> {
        let rows = sqlx::query(sql!("chunks/list_of_document"))
            .bind(uuid_bytes(id.as_uuid()))
            .bind(from)
            .bind(limit as i64)
            .fetch_all(self.database.readers())
            .await?;
        rows.iter().map(record).collect()
    }

    async fn get_chunks(&self, ids: &[ChunkId]) -> Result<Vec<ChunkRecord>> {
        let rows = sqlx::query(sql!("chunks/get"))
            .bind(json_rows(ids))
            .fetch_all(self.database.readers())
            .await?;
        rows.iter().map(record).collect()
    }
}

/// A chunk that the document has already.
struct Existing {
    seq: i64,
    words_hash: String,
}

/// Refuses what would break the tables' constraints, in words.
fn check_chunks(fence: &Fence, chunks: &[NewChunk], shard_chunks: u32) -> Result<()> {
    if fence.stage != Stage::Process {
        return Err(Error::Invalid(format!(
            "chunks are replaced by the process stage, not by `{}`",
            fence.stage
        )));
    }
    if shard_chunks == 0 {
        return Err(Error::Invalid(
            "a shard holds at least one chunk".to_owned(),
        ));
    }
    let mut ids = BTreeSet::new();
    for (place, chunk) in chunks.iter().enumerate() {
        if chunk.ordinal as usize != place {
            return Err(Error::Invalid(format!(
                "chunk {place} has the ordinal {}; chunks come in order, from 0",
                chunk.ordinal
            )));
        }
        if !ids.insert(&chunk.id) {
            return Err(Error::Invalid(format!("chunk `{}` occurs twice", chunk.id)));
        }
    }
    Ok(())
}

/// Returns the chunks of whatever version the document has, by id.
async fn existing_chunks(
    connection: &mut SqliteConnection,
    document: &[u8],
) -> Result<HashMap<String, Existing>> {
    let rows: Vec<(String, i64, String)> = sqlx::query_as(sql!("chunks/list_existing"))
        .bind(document)
        .fetch_all(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(id, seq, words_hash)| (id, Existing { seq, words_hash }))
        .collect())
}

/// Gives chunks that stay their new place. Their support rows and vectors hang on what does not change.
async fn move_chunks(
    connection: &mut SqliteConnection,
    version: &[u8],
    kept: &[(&NewChunk, Existing)],
) -> Result<()> {
    let seqs: BTreeSet<i64> = kept.iter().map(|(_, existing)| existing.seq).collect();
    // Ordinals are unique within a version, and a repeated process stage permutes them: first out of each other's way.
    sqlx::query(sql!("chunks/park"))
        .bind(json_rows(&seqs))
        .execute(&mut *connection)
        .await?;
    for (chunk, existing) in kept {
        let words_hash = hash_words(&chunk.words);
        sqlx::query(sql!("chunks/move"))
            .bind(existing.seq)
            .bind(version)
            .bind(chunk.ordinal)
            .bind(&words_hash)
            .bind(chunk.start as i64)
            .bind(chunk.end as i64)
            .bind(chunk.start_char as i64)
            .bind(chunk.end_char as i64)
            .bind(chunk.page)
            .bind(chunk.last_page)
            .bind(chunk.tokens)
            .execute(&mut *connection)
            .await?;
        if words_hash != existing.words_hash {
            sqlx::query("INSERT OR REPLACE INTO chunks_fts (rowid, words) VALUES (?1, ?2)")
                .bind(existing.seq)
                .bind(&chunk.words)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

/// Inserts chunks with their full-text rows; returns their numbers.
async fn add_chunks(
    connection: &mut SqliteConnection,
    document: &[u8],
    version: &[u8],
    chunks: impl Iterator<Item = &NewChunk>,
) -> Result<BTreeSet<i64>> {
    let mut added = BTreeSet::new();
    for chunk in chunks {
        let inserted = sqlx::query(sql!("chunks/add"))
            .bind(chunk.id.as_str())
            .bind(document)
            .bind(version)
            .bind(chunk.ordinal)
            .bind(&chunk.text_hash)
            .bind(hash_words(&chunk.words))
            .bind(chunk.start as i64)
            .bind(chunk.end as i64)
            .bind(chunk.start_char as i64)
            .bind(chunk.end_char as i64)
            .bind(chunk.page)
            .bind(chunk.last_page)
            .bind(chunk.tokens)
            .bind(json_rows(&chunk.heading_path))
            .bind(&chunk.text)
            .execute(&mut *connection)
            .await?;
        let seq = inserted.last_insert_rowid();
        sqlx::query("INSERT INTO chunks_fts (rowid, words) VALUES (?1, ?2)")
            .bind(seq)
            .bind(&chunk.words)
            .execute(&mut *connection)
            .await?;
        added.insert(seq);
    }
    Ok(added)
}

fn hash_words(words: &str) -> String {
    blake3::hash(words.as_bytes()).to_hex()[..16].to_owned()
}

/// Tells searches of chunks whose text has a vector already.
async fn note_added(write: &mut Write<'_>, tenant: &str, added: &BTreeSet<i64>) -> Result<()> {
    if !write.tracks_vectors() || added.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query_as(sql!("embeddings/of_chunks"))
        .bind(json_rows(added))
        .fetch_all(write.connection())
        .await?;
    write.note_vectors(tenant, rows)
}

async fn describe_version(
    connection: &mut SqliteConnection,
    version: &[u8],
    facts: &ParsedFacts,
    chunks: usize,
) -> Result<()> {
    sqlx::query(sql!("document_versions/describe"))
        .bind(version)
        .bind(json_rows(facts))
        .bind(&facts.file_type)
        .bind(chunks as i64)
        .execute(connection)
        .await?;
    Ok(())
}

fn record(row: &SqliteRow) -> Result<ChunkRecord> {
    let document: Vec<u8> = row.try_get("document")?;
    let unsigned = |column| -> Result<u64> { Ok(row.try_get::<i64, _>(column)? as u64) };
    Ok(ChunkRecord {
        id: ChunkId::from_stored(row.try_get("id")?),
        document: DocumentId::from(uuid_from(&document)?),
        document_title: row.try_get("document_title")?,
        document_source: row.try_get("document_source")?,
        ordinal: row.try_get("ordinal")?,
        text: row.try_get("text")?,
        text_hash: row.try_get("text_hash")?,
        start: unsigned("start")?,
        end: unsigned("end")?,
        start_char: unsigned("start_char")?,
        end_char: unsigned("end_char")?,
        page: row.try_get("page")?,
        last_page: row.try_get("last_page")?,
        heading_path: from_json("chunks.heading_path", row.try_get("heading_path")?)?,
        tokens: row.try_get("tokens")?,
    })
}
