-- ?1 version, ?2 stage, ?3 shard, ?4 items, ?5 now.
UPDATE stage_runs
SET state = 'completed', items = ?4, finished_at = ?5
WHERE version = ?1 AND stage = ?2 AND shard = ?3
