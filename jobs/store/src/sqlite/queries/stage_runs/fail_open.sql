-- Fails a stage whose job is dead, if the stage is still that job's. ?1 version, ?2 stage, ?3 shard, ?4 code, ?5 message,
-- ?6 now, ?7 job.
UPDATE stage_runs
SET state = 'failed', error_code = ?4, error_message = ?5, finished_at = ?6
WHERE version = ?1 AND stage = ?2 AND shard = ?3 AND job_id = ?7 AND state IN ('pending', 'running')
