//! Vectors.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::{
    SqliteStore,
    encoding::{json_rows, vector_bytes},
    fence, sql,
};
use crate::{Error, Fence, Result, chunks::ChunkText, embeddings::Embeddings};

#[async_trait]
impl Embeddings for SqliteStore {
    async fn missing_embeddings(
        &self,
        model: &str,
        chunks: &[ChunkText],
    ) -> Result<Vec<ChunkText>> {
        self.missing(sql!("embeddings/list_missing"), model, chunks)
            .await
    }

    async fn write_embeddings(
        &self,
        fence: &Fence,
        model: &str,
        dimension: usize,
        vectors: &[(String, Vec<f32>)],
    ) -> Result<u64> {
        check_vectors(dimension, vectors)?;
        let mut sorted: Vec<_> = vectors.iter().collect();
        sorted.sort_unstable_by(|a, b| a.0.cmp(&b.0));

        let mut write = self.write().await?;
        fence::check(write.connection(), fence).await?;
        if sorted.is_empty() {
            return Ok(0);
        }
        let connection = write.connection();
        require_dimension(connection, model, dimension).await?;
        let mut written = Vec::new();
        for (text_hash, vector) in sorted {
            let inserted = sqlx::query(sql!("embeddings/add"))
                .bind(text_hash)
                .bind(model)
                .bind(vector_bytes(vector))
                .execute(&mut *connection)
                .await?;
            if inserted.rows_affected() == 1 {
                written.push(text_hash);
            }
        }
        sqlx::query("UPDATE embedding_models SET vectors = vectors + ?2 WHERE model = ?1")
            .bind(model)
            .bind(written.len() as i64)
            .execute(&mut *connection)
            .await?;
        sqlx::query("DELETE FROM embedding_models WHERE model = ?1 AND vectors = 0")
            .bind(model)
            .execute(connection)
            .await?;
        if write.tracks_vectors() {
            let rows = sqlx::query_as(sql!("embeddings/of_texts"))
                .bind(json_rows(&written))
                .bind(model)
                .fetch_all(write.connection())
                .await?;
            write.note_shared_vectors(rows)?;
        }
        write.commit().await?;
        Ok(written.len() as u64)
    }

    async fn count_embeddings(&self, model: &str) -> Result<u64> {
        let vectors: Option<i64> =
            sqlx::query_scalar("SELECT vectors FROM embedding_models WHERE model = ?1")
                .bind(model)
                .fetch_optional(self.database.readers())
                .await?;
        Ok(vectors.unwrap_or(0) as u64)
    }
}

impl SqliteStore {
    /// Of these chunks, returns the first of each text that a statement finds nothing for. The statement takes a JSON
    /// array of text hashes and a name (model or extractor), and returns the places of the hashes it misses.
    pub(super) async fn missing(
        &self,
        statement: &'static str,
        name: &str,
        chunks: &[ChunkText],
    ) -> Result<Vec<ChunkText>> {
        let hashes: Vec<&str> = chunks
            .iter()
            .map(|chunk| chunk.text_hash.as_str())
            .collect();
        let places: Vec<i64> = sqlx::query_scalar(statement)
            .bind(json_rows(&hashes))
            .bind(name)
            .fetch_all(self.database.readers())
            .await?;
        Ok(places
            .into_iter()
            .filter_map(|place| chunks.get(place as usize).cloned())
            .collect())
    }
}

fn check_vectors(dimension: usize, vectors: &[(String, Vec<f32>)]) -> Result<()> {
    for (text_hash, vector) in vectors {
        if vector.len() != dimension {
            return Err(Error::Invalid(format!(
                "the vector of text `{text_hash}` has {} values, not {dimension}",
                vector.len()
            )));
        }
        if !vector.iter().all(|value| value.is_finite()) {
            return Err(Error::Invalid(format!(
                "the vector of text `{text_hash}` holds a value that is not finite"
            )));
        }
    }
    Ok(())
}

/// Registers a model with its dimension; refuses another dimension than it had.
async fn require_dimension(
    connection: &mut SqliteConnection,
    model: &str,
    dimension: usize,
) -> Result<()> {
    let known: i64 = sqlx::query_scalar(sql!("embedding_models/register"))
        .bind(model)
        .bind(dimension as i64)
        .fetch_one(connection)
        .await?;
    if known == dimension as i64 {
        Ok(())
    } else {
        Err(Error::Invalid(format!(
            "model `{model}` has vectors of {known} values, not {dimension}; give another model another id"
        )))
    }
}
