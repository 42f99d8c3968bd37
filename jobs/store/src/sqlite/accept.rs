//! A document comes in.
//!
//! # Bytes and rows
//! Bytes are put before the row and deleted before the row, by callers that do not see each other: a blob that was just
//! put could be deleted by somebody who found its row unused a moment earlier. So callers share a lock. Who accepts holds
//! it shared from looking whether the bytes are there ([`crate::Blobs::exists`]) until accept has made the row used; who
//! deletes holds it alone from finding the row unused (`blob_in_use`) until the row is forgotten (`forget_blob`). Of the
//! two, the first one wins, and the other sees it: a blob in use is not deleted, a blob that is gone is not accepted.

use graphmill_queue::JobId;
use sqlx::SqliteConnection;

use super::{
    SqliteStore,
    encoding::{json_rows, uuid_bytes, uuid_from},
    sql,
};
use crate::{
    DocumentId, Error, Result, VersionId,
    documents::{Accepted, AcceptedKind, NewDocument},
};

/// The document that has this source already.
#[derive(sqlx::FromRow)]
struct Known {
    id: Vec<u8>,
    newest_version: Vec<u8>,
    job_id: Vec<u8>,
    number: u32,
    blob: String,
    deleting: bool,
}

impl SqliteStore {
    pub(super) async fn accept(&self, document: &NewDocument) -> Result<Accepted> {
        if !document.metadata.is_object() {
            return Err(Error::Invalid(
                "a document's metadata must be a JSON object".to_owned(),
            ));
        }
        let now_ms = self.now_ms();
        let mut write = self.write().await?;
        let connection = write.connection();
        let known = sqlx::query_as::<_, Known>(sql!("documents/find_by_source"))
            .bind(&document.tenant)
            .bind(&document.source)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(known) = &known {
            if known.deleting {
                return Err(Error::Superseded);
            }
            if known.blob == document.blob.as_str() {
                return Ok(Accepted {
                    document: DocumentId::from(uuid_from(&known.id)?),
                    version: VersionId::from(uuid_from(&known.newest_version)?),
                    job_id: JobId::from(uuid_from(&known.job_id)?),
                    kind: AcceptedKind::Unchanged,
                });
            }
        }
        claim_blob(connection, document, now_ms).await?;
        let accepted = match known {
            None => create_document(connection, document, now_ms).await?,
            Some(known) => renew_document(connection, document, &known, now_ms).await?,
        };
        write.commit().await?;
        Ok(accepted)
    }
}

async fn claim_blob(
    connection: &mut SqliteConnection,
    document: &NewDocument,
    now_ms: i64,
) -> Result<()> {
    sqlx::query(sql!("blobs/claim"))
        .bind(document.blob.as_str())
        .bind(document.size_bytes as i64)
        .bind(now_ms)
        .execute(connection)
        .await?;
    Ok(())
}

async fn create_document(
    connection: &mut SqliteConnection,
    document: &NewDocument,
    now_ms: i64,
) -> Result<Accepted> {
    let id = DocumentId::new();
    let version = VersionId::new();
    sqlx::query(sql!("documents/create"))
        .bind(uuid_bytes(id.as_uuid()))
        .bind(&document.tenant)
        .bind(&document.source)
        .bind(&document.title)
        .bind(json_rows(&document.metadata))
        .bind(uuid_bytes(version.as_uuid()))
        .bind(now_ms)
        .execute(&mut *connection)
        .await?;
    let job_id = create_version(connection, id, version, 1, document, now_ms).await?;
    Ok(Accepted {
        document: id,
        version,
        job_id,
        kind: AcceptedKind::Created,
    })
}

/// Adds a version. The older one's chunks stay until the new one's are in.
async fn renew_document(
    connection: &mut SqliteConnection,
    document: &NewDocument,
    known: &Known,
    now_ms: i64,
) -> Result<Accepted> {
    let id = DocumentId::from(uuid_from(&known.id)?);
    let version = VersionId::new();
    let job_id =
        create_version(connection, id, version, known.number + 1, document, now_ms).await?;
    sqlx::query(sql!("documents/renew"))
        .bind(&known.id)
        .bind(uuid_bytes(version.as_uuid()))
        .bind(&document.title)
        .bind(json_rows(&document.metadata))
        .bind(now_ms)
        .execute(connection)
        .await?;
    Ok(Accepted {
        document: id,
        version,
        job_id,
        kind: AcceptedKind::NewVersion,
    })
}

/// Writes a version and its pending process stage; returns the job of that stage.
async fn create_version(
    connection: &mut SqliteConnection,
    id: DocumentId,
    version: VersionId,
    number: u32,
    document: &NewDocument,
    now_ms: i64,
) -> Result<JobId> {
    sqlx::query(sql!("document_versions/create"))
        .bind(uuid_bytes(version.as_uuid()))
        .bind(uuid_bytes(id.as_uuid()))
        .bind(number)
        .bind(&document.declared_type)
        .bind(document.blob.as_str())
        .bind(document.size_bytes as i64)
        .bind(now_ms)
        .execute(&mut *connection)
        .await?;
    let job_id = JobId::new();
    sqlx::query(
        "INSERT INTO stage_runs (version, stage, shard, job_id) VALUES (?1, 'process', 0, ?2)",
    )
    .bind(uuid_bytes(version.as_uuid()))
    .bind(uuid_bytes(job_id.as_uuid()))
    .execute(connection)
    .await?;
    Ok(job_id)
}
