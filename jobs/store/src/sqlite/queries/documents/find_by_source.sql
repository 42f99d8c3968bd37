-- The document with this source, what its newest version holds and which job processes it. ?1 tenant, ?2 source.
SELECT
    documents.id AS id,
    documents.newest_version AS newest_version,
    document_versions.number AS number,
    document_versions.blob AS blob,
    stage_runs.job_id AS job_id,
    documents.deleting_at IS NOT NULL AS deleting
FROM documents
JOIN document_versions ON document_versions.id = documents.newest_version
JOIN stage_runs
    ON stage_runs.version = documents.newest_version
    AND stage_runs.stage = 'process'
    AND stage_runs.shard = 0
WHERE documents.source = ?2 AND documents.tenant = ?1
