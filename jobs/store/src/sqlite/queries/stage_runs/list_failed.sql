-- The failed stages of a document's newest version. ?1 document.
SELECT
    documents.id AS document,
    stage_runs.version AS version,
    stage_runs.stage AS stage,
    stage_runs.shard AS shard,
    stage_runs.job_id AS job_id
FROM documents
JOIN stage_runs ON stage_runs.version = documents.newest_version AND stage_runs.state = 'failed'
WHERE documents.id = ?1 AND documents.deleting_at IS NULL
