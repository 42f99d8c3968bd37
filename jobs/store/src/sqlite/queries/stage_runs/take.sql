-- Gives a stage to a lease. A repeated begin of the same lease counts as one attempt.
-- ?1 version, ?2 stage, ?3 shard, ?4 fingerprint, ?5 job, ?6 epoch, ?7 now.
UPDATE stage_runs
SET
    attempt = attempt + (state <> 'running' OR job_id <> ?5 OR epoch <> ?6),
    state = 'running',
    fingerprint = ?4,
    job_id = ?5,
    epoch = ?6,
    items = 0,
    error_code = NULL,
    error_message = NULL,
    started_at = ?7,
    finished_at = NULL
WHERE version = ?1 AND stage = ?2 AND shard = ?3
