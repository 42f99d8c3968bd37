//! Documents as they are read, listed, hidden and removed. [`super::accept`] lets them in.

use async_trait::async_trait;
use sqlx::{FromRow, QueryBuilder, Row, Sqlite, sqlite::SqliteRow};

use super::{
    SqliteStore,
    encoding::{from_json, instant_from, named, uuid_bytes, uuid_from},
    sql,
};
use crate::{
    BlobHash, DocumentId, Error, Result, VersionId,
    documents::{
        Accepted, DocumentFilter, DocumentRecord, DocumentStatus, Documents, NewDocument, Removed,
    },
    stages::StageRun,
};

/// Reads documents as [`record`] takes them; conditions follow.
const RECORD: &str = sql!("documents/record");

/// The largest page of a list.
const MAX_PAGE: usize = 1_000;

#[async_trait]
impl Documents for SqliteStore {
    async fn accept_document(&self, document: &NewDocument) -> Result<Accepted> {
        self.accept(document).await
    }

    async fn get_document(&self, id: DocumentId) -> Result<Option<DocumentRecord>> {
        let mut query = QueryBuilder::<Sqlite>::new(RECORD);
        query
            .push(" WHERE documents.id = ")
            .push_bind(uuid_bytes(id.as_uuid()));
        let row = query
            .build()
            .fetch_optional(self.database.readers())
            .await?;
        row.as_ref().map(record).transpose()
    }

    async fn list_documents(
        &self,
        filter: &DocumentFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<DocumentRecord>, Option<String>)> {
        let limit = limit.clamp(1, MAX_PAGE);
        let mut query = QueryBuilder::<Sqlite>::new(RECORD);
        push_filter(&mut query, filter, cursor)?;
        // One more than asked for tells whether there is a next page.
        query
            .push(" ORDER BY documents.id DESC LIMIT ")
            .push_bind((limit + 1) as i64);
        let rows = query.build().fetch_all(self.database.readers()).await?;
        let has_more = rows.len() > limit;
        let page = rows
            .iter()
            .take(limit)
            .map(record)
            .collect::<Result<Vec<_>>>()?;
        let next = page
            .last()
            .filter(|_| has_more)
            .map(|record| record.id.to_string());
        Ok((page, next))
    }

    async fn count_documents(&self, tenant: Option<&str>) -> Result<Vec<(DocumentStatus, u64)>> {
        let counted: Vec<(String, i64)> = sqlx::query_as(sql!("documents/count_by_status"))
            .bind(tenant)
            .fetch_all(self.database.readers())
            .await?;
        Ok(DocumentStatus::ALL
            .into_iter()
            .map(|status| {
                let count = counted
                    .iter()
                    .find(|(name, _)| name == status.as_str())
                    .map_or(0, |(_, count)| *count as u64);
                (status, count)
            })
            .collect())
    }

    async fn list_stages(&self, id: DocumentId) -> Result<Vec<StageRun>> {
        self.stages_of(id).await
    }

    async fn mark_deleting(&self, id: DocumentId) -> Result<bool> {
        let mut write = self.write().await?;
        let marked = sqlx::query(sql!("documents/mark_deleting"))
            .bind(uuid_bytes(id.as_uuid()))
            .bind(self.now_ms())
            .execute(write.connection())
            .await?;
        write.hide_document(id).await?;
        write.commit().await?;
        Ok(marked.rows_affected() == 1)
    }

    async fn remove_document(&self, id: DocumentId) -> Result<Removed> {
        self.remove(id).await
    }

    async fn blob_in_use(&self, hash: &BlobHash) -> Result<bool> {
        let in_use =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM document_versions WHERE blob = ?1)")
                .bind(hash.as_str())
                .fetch_one(self.database.readers())
                .await?;
        Ok(in_use)
    }

    async fn forget_blob(&self, hash: &BlobHash) -> Result<bool> {
        let mut write = self.write().await?;
        let forgotten = sqlx::query("DELETE FROM blobs WHERE hash = ?1 AND unused_at IS NOT NULL")
            .bind(hash.as_str())
            .execute(write.connection())
            .await?;
        write.commit().await?;
        Ok(forgotten.rows_affected() == 1)
    }

    async fn unused_blobs(&self, limit: usize) -> Result<Vec<BlobHash>> {
        let hashes: Vec<String> = sqlx::query_scalar(
            "SELECT hash FROM blobs WHERE unused_at IS NOT NULL ORDER BY unused_at, hash LIMIT ?1",
        )
        .bind(limit as i64)
        .fetch_all(self.database.readers())
        .await?;
        blob_hashes(&hashes)
    }

    async fn deleting_documents(&self, limit: usize) -> Result<Vec<DocumentId>> {
        let ids: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT id FROM documents WHERE deleting_at IS NOT NULL ORDER BY deleting_at, id LIMIT ?1",
        )
        .bind(limit as i64)
        .fetch_all(self.database.readers())
        .await?;
        ids.iter()
            .map(|id| Ok(DocumentId::from(uuid_from(id)?)))
            .collect()
    }
}

pub(super) fn blob_hashes(hashes: &[String]) -> Result<Vec<BlobHash>> {
    hashes.iter().map(|hash| named(hash)).collect()
}

fn push_filter(
    query: &mut QueryBuilder<Sqlite>,
    filter: &DocumentFilter,
    cursor: Option<&str>,
) -> Result<()> {
    query.push(" WHERE TRUE");
    if let Some(tenant) = &filter.tenant {
        query
            .push(" AND documents.tenant = ")
            .push_bind(tenant.clone());
    }
    if let Some(source) = &filter.source {
        query
            .push(" AND documents.source = ")
            .push_bind(source.clone());
    }
    if let Some(file_type) = &filter.file_type {
        query
            .push(" AND newest.file_type = ")
            .push_bind(file_type.clone());
    }
    if let Some(status) = filter.status {
        query
            .push(" AND document_status.status = ")
            .push_bind(status.as_str());
    }
    if let Some(cursor) = cursor {
        let last: DocumentId = cursor
            .parse()
            .map_err(|_| Error::Invalid(format!("`{cursor}` is no cursor of a document list")))?;
        query
            .push(" AND documents.id < ")
            .push_bind(uuid_bytes(last.as_uuid()));
    }
    Ok(())
}

#[derive(FromRow)]
struct Ids {
    id: Vec<u8>,
    version: Vec<u8>,
}

fn record(row: &SqliteRow) -> Result<DocumentRecord> {
    let ids = Ids::from_row(row)?;
    let blob: String = row.try_get("blob")?;
    let status: String = row.try_get("status")?;
    let facts: Option<String> = row.try_get("facts")?;
    Ok(DocumentRecord {
        id: DocumentId::from(uuid_from(&ids.id)?),
        tenant: row.try_get("tenant")?,
        source: row.try_get("source")?,
        title: row.try_get("title")?,
        metadata: from_json("documents.metadata", row.try_get("metadata")?)?,
        version: VersionId::from(uuid_from(&ids.version)?),
        version_number: row.try_get("version_number")?,
        declared_type: row.try_get("declared_type")?,
        blob: named(&blob)?,
        size_bytes: row.try_get::<i64, _>("size_bytes")? as u64,
        facts: facts
            .map(|facts| from_json("document_versions.facts", &facts))
            .transpose()?,
        chunks: row.try_get::<i64, _>("chunks")? as u64,
        status: named(&status)?,
        error_code: row.try_get("error_code")?,
        error_message: row.try_get("error_message")?,
        created_at: instant_from(row.try_get("created_at")?)?,
        updated_at: instant_from(row.try_get("updated_at")?)?,
    })
}
