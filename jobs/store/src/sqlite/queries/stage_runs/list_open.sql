-- Stages that may run and so should have a job, by document; the same condition as in list_open_of_version.
-- ?1 only documents after this one (empty for all), ?2 limit.
SELECT
    documents.id AS document,
    stage_runs.version AS version,
    stage_runs.stage AS stage,
    stage_runs.shard AS shard,
    stage_runs.job_id AS job_id
FROM documents
-- CROSS keeps the walk in the order of documents, so that the limit ends it early.
CROSS JOIN stage_runs
    ON stage_runs.version = documents.newest_version
    AND stage_runs.state IN ('pending', 'running')
WHERE documents.id > ?1
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
ORDER BY documents.id, stage_runs.stage, stage_runs.shard
LIMIT ?2
