-- Stages of a version that may run now. Finalize may when every other stage is completed, a shard when the process stage
-- is; a version that does not count any more has none. ?1 version.
SELECT
    documents.id AS document,
    stage_runs.version AS version,
    stage_runs.stage AS stage,
    stage_runs.shard AS shard,
    stage_runs.job_id AS job_id
FROM documents
JOIN stage_runs ON stage_runs.version = documents.newest_version AND stage_runs.state IN ('pending', 'running')
WHERE documents.id = (SELECT document FROM document_versions WHERE id = ?1)
    AND documents.newest_version = ?1
    AND documents.deleting_at IS NULL
    AND NOT EXISTS (
        SELECT 1
        FROM stage_runs AS earlier
        WHERE earlier.version = stage_runs.version
            AND earlier.state <> 'completed'
            AND CASE stage_runs.stage
                WHEN 'process' THEN FALSE
                WHEN 'finalize' THEN earlier.stage <> 'finalize'
                ELSE earlier.stage = 'process'
            END
    )
