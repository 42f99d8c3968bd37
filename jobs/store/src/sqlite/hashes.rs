//! Hashes over what the documents say. No id, number or instant goes in, and rows come sorted by what they say.

use futures::TryStreamExt;
use sqlx::{Column, Row, SqliteConnection, TypeInfo, ValueRef, sqlite::SqliteRow};

use super::{SqliteStore, sql};
use crate::{Error, Result, graph::ContentHashes};

impl SqliteStore {
    pub(super) async fn hash_contents(&self) -> Result<ContentHashes> {
        // One transaction is one snapshot: all four hashes are of the same instant.
        let mut snapshot = self.database.readers().begin().await?;
        Ok(ContentHashes {
            chunks: hash_rows(&mut snapshot, &[sql!("chunks/content")]).await?,
            embeddings: hash_rows(&mut snapshot, &[sql!("embeddings/content")]).await?,
            entities: hash_rows(
                &mut snapshot,
                &[
                    sql!("knowledge_entities/content"),
                    sql!("entity_support/content"),
                ],
            )
            .await?,
            relations: hash_rows(
                &mut snapshot,
                &[
                    sql!("knowledge_relations/content"),
                    sql!("relation_support/content"),
                ],
            )
            .await?,
        })
    }
}

/// Hashes every column of every row.
async fn hash_rows(
    connection: &mut SqliteConnection,
    statements: &[&'static str],
) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    for statement in statements {
        let mut rows = sqlx::query(*statement).fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            hash_row(&mut hasher, &row)?;
        }
        // Rows of the next statement cannot pass for rows of this one.
        hasher.update(b"\0end");
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn hash_row(hasher: &mut blake3::Hasher, row: &SqliteRow) -> Result<()> {
    for column in row.columns() {
        let at = column.ordinal();
        let value = row.try_get_raw(at)?;
        let name = value.type_info();
        let name = name.name();
        match name {
            "NULL" => hash_value(hasher, b'n', &[]),
            "INTEGER" => hash_value(hasher, b'i', &row.try_get::<i64, _>(at)?.to_le_bytes()),
            "TEXT" => hash_value(hasher, b't', row.try_get::<&str, _>(at)?.as_bytes()),
            "BLOB" => hash_value(hasher, b'b', row.try_get::<&[u8], _>(at)?),
            other => {
                return Err(Error::Corrupt(format!(
                    "column `{}` holds a value of type {other}",
                    column.name()
                )));
            }
        }
    }
    Ok(())
}

fn hash_value(hasher: &mut blake3::Hasher, kind: u8, bytes: &[u8]) {
    hasher.update(&[kind]);
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}
