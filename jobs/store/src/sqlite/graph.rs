//! Entities and relations as they are written and read. [`super::support`] keeps their sums.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::{FromRow, Row, SqliteConnection, sqlite::SqliteRow};
use unicode_normalization::UnicodeNormalization;

use super::{
    SqliteStore,
    encoding::{from_json, json_rows, uuid_bytes, uuid_from},
    fence, sql, support, weights,
};
use crate::{
    ChunkId, DocumentId, EntityId, Error, Fence, RelationId, Result,
    chunks::ChunkText,
    graph::{ContentHashes, EntityRecord, Evidence, ExtractionRow, Graph, RelationRecord, Totals},
};

#[async_trait]
impl Graph for SqliteStore {
    async fn missing_extractions(
        &self,
        extractor: &str,
        chunks: &[ChunkText],
    ) -> Result<Vec<ChunkText>> {
        self.missing(sql!("extractions/list_missing"), extractor, chunks)
            .await
    }

    async fn write_extractions(
        &self,
        fence: &Fence,
        extractor: &str,
        extractions: &[(String, ExtractionRow)],
    ) -> Result<()> {
        let mut bodies = BTreeMap::new();
        for (text_hash, extraction) in extractions {
            check_extraction(text_hash, extraction)?;
            bodies.insert(text_hash, json_rows(extraction));
        }
        let mut write = self.write().await?;
        fence::check(write.connection(), fence).await?;
        for (text_hash, body) in bodies {
            sqlx::query(sql!("extractions/add"))
                .bind(text_hash)
                .bind(extractor)
                .bind(body)
                .execute(write.connection())
                .await?;
        }
        write.commit().await
    }

    async fn apply_extractions(
        &self,
        fence: &Fence,
        extractor: &str,
        chunks: &[ChunkId],
    ) -> Result<u64> {
        let mut write = self.write().await?;
        let target = fence::check(write.connection(), fence).await?;
        let extractions = kept_extractions(write.connection(), fence, extractor, chunks).await?;
        let mentions = support::replace(
            write.connection(),
            &target.tenant,
            &target.document,
            &extractions,
        )
        .await?;
        write.commit().await?;
        Ok(mentions)
    }

    async fn list_entities(
        &self,
        tenant: &str,
        search: Option<&str>,
        limit: usize,
    ) -> Result<Vec<EntityRecord>> {
        // Keys are normal forms, so the normal form of what is searched for finds other spellings.
        let folded = search.map(|search| search.nfkc().collect::<String>().to_lowercase());
        let rows = sqlx::query(sql!("knowledge_entities/list"))
            .bind(tenant)
            .bind(search)
            .bind(folded)
            .bind(limit as i64)
            .fetch_all(self.database.readers())
            .await?;
        rows.iter().map(entity).collect()
    }

    async fn list_relations(
        &self,
        tenant: &str,
        entity: Option<&EntityId>,
        limit: usize,
    ) -> Result<Vec<RelationRecord>> {
        let mut connection = self.database.readers().acquire().await?;
        match entity {
            Some(entity) => weights::heaviest_of(&mut connection, tenant, entity, limit).await,
            None => weights::heaviest(&mut connection, tenant, limit).await,
        }
    }

    async fn entities_by_keys(&self, tenant: &str, keys: &[String]) -> Result<Vec<EntityRecord>> {
        let rows = sqlx::query(sql!("knowledge_entities/get_by_keys"))
            .bind(tenant)
            .bind(json_rows(keys))
            .fetch_all(self.database.readers())
            .await?;
        rows.iter().map(entity).collect()
    }

    async fn entity_evidence(&self, id: &EntityId, limit: usize) -> Result<Vec<Evidence>> {
        let rows = sqlx::query(sql!("entity_support/list_evidence"))
            .bind(id.as_str())
            .bind(limit as i64)
            .fetch_all(self.database.readers())
            .await?;
        rows.iter().map(evidence).collect()
    }

    async fn relation_evidence(&self, id: &RelationId, limit: usize) -> Result<Vec<Evidence>> {
        let rows = sqlx::query(sql!("relation_support/list_evidence"))
            .bind(id.as_str())
            .bind(limit as i64)
            .fetch_all(self.database.readers())
            .await?;
        rows.iter().map(evidence).collect()
    }

    async fn totals(&self) -> Result<Totals> {
        let row = sqlx::query(sql!("documents/totals"))
            .fetch_one(self.database.readers())
            .await?;
        let total = |column| -> Result<u64> { Ok(row.try_get::<i64, _>(column)? as u64) };
        Ok(Totals {
            documents: total("documents")?,
            chunks: total("chunks")?,
            embeddings: total("embeddings")?,
            entities: total("entities")?,
            relations: total("relations")?,
            bytes: total("bytes")?,
        })
    }

    async fn content_hashes(&self) -> Result<ContentHashes> {
        self.hash_contents().await
    }
}

/// Refuses an extraction whose support rows could not be written.
fn check_extraction(text_hash: &str, extraction: &ExtractionRow) -> Result<()> {
    let invalid = |what: String| {
        Err(Error::Invalid(format!(
            "the extraction of text `{text_hash}` {what}"
        )))
    };
    for mention in &extraction.mentions {
        if mention.start >= mention.end {
            return invalid(format!("names `{}` at an empty place", mention.key));
        }
    }
    for pair in &extraction.cooccurrences {
        if pair.source >= pair.target {
            return invalid(format!(
                "relates `{}` to `{}`, which does not come after it",
                pair.source, pair.target
            ));
        }
        if pair.start >= pair.end {
            return invalid(format!(
                "relates `{}` to `{}` in an empty sentence",
                pair.source, pair.target
            ));
        }
        for end in [&pair.source, &pair.target] {
            if !extraction
                .mentions
                .iter()
                .any(|mention| mention.key == *end)
            {
                return invalid(format!("relates `{end}`, which it does not name"));
            }
        }
    }
    Ok(())
}

/// Reads what these chunks' texts say.
///
/// # Errors
/// [`Error::NotFound`] when the version has no such chunk, or no extraction is kept for its text.
async fn kept_extractions(
    connection: &mut SqliteConnection,
    fence: &Fence,
    extractor: &str,
    chunks: &[ChunkId],
) -> Result<BTreeMap<i64, ExtractionRow>> {
    let rows: Vec<(String, Option<i64>, Option<String>)> =
        sqlx::query_as(sql!("extractions/list_of_chunks"))
            .bind(uuid_bytes(fence.version.as_uuid()))
            .bind(extractor)
            .bind(json_rows(chunks))
            .fetch_all(connection)
            .await?;
    let mut extractions = BTreeMap::new();
    for (id, chunk, body) in rows {
        let not_found = |what| Error::NotFound {
            what,
            id: id.clone(),
        };
        let chunk = chunk.ok_or_else(|| not_found("chunk"))?;
        let body = body.ok_or_else(|| not_found("extraction of chunk"))?;
        extractions.insert(chunk, from_json("extractions.body", &body)?);
    }
    Ok(extractions)
}

#[derive(FromRow)]
struct EntityRow {
    id: String,
    key: String,
    name: String,
    entity_type: String,
    mentions: i64,
    chunks: i64,
    documents: i64,
}

fn entity(row: &SqliteRow) -> Result<EntityRecord> {
    let row = EntityRow::from_row(row)?;
    Ok(EntityRecord {
        id: EntityId::from_stored(row.id),
        key: row.key,
        name: row.name,
        entity_type: row.entity_type,
        mentions: row.mentions as u64,
        chunks: row.chunks as u64,
        documents: row.documents as u64,
    })
}

fn evidence(row: &SqliteRow) -> Result<Evidence> {
    let document: Vec<u8> = row.try_get("document")?;
    Ok(Evidence {
        chunk: ChunkId::from_stored(row.try_get("chunk")?),
        document: DocumentId::from(uuid_from(&document)?),
        start: row.try_get("start")?,
        end: row.try_get("end")?,
    })
}
