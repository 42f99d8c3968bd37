//! How an index follows what other processes commit.
//!
//! While several processes share the file, every transaction that changes what searches may find writes so into
//! `vector_changes`, in the same transaction. Nobody is told directly, not even the writer's own indexes: a search first
//! reads what came after the last change its index has seen. That costs one step in a key where nothing changed.
//!
//! Changes are applied in their order, with the vectors as they are now. A vector whose number has gone to another text
//! since may thus be added for a chunk that is not there any more: the removal of that chunk follows behind, because a
//! vector goes only after the last chunk that has its text.

use std::sync::atomic::Ordering;

use sqlx::{Row, SqliteConnection};

use super::{
    CachedIndex, IndexState, SqliteStore, VectorChange, VectorEntry, json_rows, read_index, sql,
    vector_from,
};
use crate::{Error, Result};

/// Changes that are kept for others to follow.
const KEPT: i64 = 2_000;
/// Changes that are read in one step: each may bring a whole shard of vectors.
const PAGE: usize = 32;

/// Writes changes down for whoever shares the file.
pub(in crate::sqlite) async fn publish(
    connection: &mut SqliteConnection,
    changes: &[VectorChange],
) -> Result<()> {
    let mut newest = None;
    for change in changes {
        let (tenant, model, entries) = match change {
            VectorChange::Remove { tenant, chunks } => (tenant, None, json_rows(chunks)),
            VectorChange::Add {
                tenant,
                model,
                entries,
            } => {
                let pairs: Vec<_> = entries
                    .iter()
                    .map(|entry| (entry.embedding, entry.chunk))
                    .collect();
                (tenant, Some(model), json_rows(&pairs))
            }
        };
        let written =
            sqlx::query("INSERT INTO vector_changes (tenant, model, entries) VALUES (?1, ?2, ?3)")
                .bind(tenant)
                .bind(model)
                .bind(entries)
                .execute(&mut *connection)
                .await?;
        newest = Some(written.last_insert_rowid());
    }
    if let Some(newest) = newest {
        sqlx::query("DELETE FROM vector_changes WHERE seq <= ?1")
            .bind(newest - KEPT)
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn bounds(connection: &mut SqliteConnection) -> Result<(i64, i64)> {
    Ok(sqlx::query_as(sql!("vector_changes/bounds"))
        .fetch_one(connection)
        .await?)
}

impl SqliteStore {
    /// Brings an index up to what is committed now, loading it where it must.
    pub(super) async fn follow(
        &self,
        cached: &CachedIndex,
        tenant: &str,
        model: &str,
        dimension: usize,
    ) -> Result<()> {
        let _alone = cached.loading.lock().await;
        // One snapshot: a change is either in the index that is read from it or in the list.
        let mut snapshot = self.database.readers().begin().await?;
        let (oldest, newest) = bounds(&mut snapshot).await?;
        let seen = cached.seen.load(Ordering::Acquire);
        if !cached.is_ready() || seen + 1 < oldest {
            let index = read_index(&mut snapshot, tenant, model, dimension).await?;
            *cached.write() = IndexState::Ready(index);
            cached.seen.store(newest, Ordering::Release);
            return Ok(());
        }
        let mut after = seen;
        while after < newest {
            let rows = sqlx::query(sql!("vector_changes/list"))
                .bind(after)
                .bind(tenant)
                .bind(model)
                .bind(PAGE as i64)
                .fetch_all(&mut *snapshot)
                .await?;
            let is_last = rows.len() < PAGE;
            let mut changes = Vec::with_capacity(rows.len());
            for row in rows {
                after = row.try_get("seq")?;
                let entries: String = row.try_get("entries")?;
                let is_removal = row.try_get::<Option<String>, _>("model")?.is_none();
                changes.push(if is_removal {
                    removal(tenant, &entries)?
                } else {
                    addition(&mut snapshot, tenant, model, dimension, &entries).await?
                });
            }
            if is_last {
                after = newest;
            }
            cached.apply(&changes);
            cached.seen.store(after, Ordering::Release);
        }
        Ok(())
    }
}

fn removal(tenant: &str, entries: &str) -> Result<VectorChange> {
    Ok(VectorChange::Remove {
        tenant: tenant.to_owned(),
        chunks: serde_json::from_str(entries)
            .map_err(|error| Error::Corrupt(format!("a change of vectors: {error}")))?,
    })
}

async fn addition(
    snapshot: &mut SqliteConnection,
    tenant: &str,
    model: &str,
    dimension: usize,
    entries: &str,
) -> Result<VectorChange> {
    let rows = sqlx::query(sql!("embeddings/of_pairs"))
        .bind(entries)
        .bind(model)
        .fetch_all(snapshot)
        .await?;
    let entries = rows
        .iter()
        .map(|row| {
            Ok(VectorEntry {
                embedding: row.try_get("embedding")?,
                chunk: row.try_get("chunk")?,
                vector: vector_from(row.try_get("vector")?, dimension)?.into(),
            })
        })
        .collect::<Result<_>>()?;
    Ok(VectorChange::Add {
        tenant: tenant.to_owned(),
        model: model.to_owned(),
        entries,
    })
}
