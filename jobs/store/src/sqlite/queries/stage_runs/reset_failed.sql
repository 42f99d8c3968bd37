-- Makes a failed stage pending, for another job. ?1 version, ?2 stage, ?3 shard, ?4 job.
UPDATE stage_runs
SET state = 'pending', job_id = ?4, epoch = 0, error_code = NULL, error_message = NULL, finished_at = NULL
WHERE version = ?1 AND stage = ?2 AND shard = ?3
