-- ?1 version, ?2 stage, ?3 shard, ?4 code, ?5 message, ?6 now.
UPDATE stage_runs
SET state = 'failed', error_code = ?4, error_message = ?5, finished_at = ?6
WHERE version = ?1 AND stage = ?2 AND shard = ?3
