-- What a fence points at: the version's document, whether that version counts, and who holds the stage.
-- ?1 version, ?2 stage, ?3 shard. No row: the version is gone. NULL state: the version has no such stage.
SELECT
    documents.id AS document,
    documents.tenant AS tenant,
    documents.newest_version = document_versions.id AS newest,
    documents.deleting_at IS NOT NULL AS deleting,
    stage_runs.state AS state,
    stage_runs.fingerprint AS fingerprint,
    stage_runs.job_id AS job_id,
    stage_runs.epoch AS epoch
FROM document_versions
JOIN documents ON documents.id = document_versions.document
LEFT JOIN stage_runs
    ON stage_runs.version = document_versions.id
    AND stage_runs.stage = ?2
    AND stage_runs.shard = ?3
WHERE document_versions.id = ?1
