-- Jobs that were to run or end before now. ?1: now, ms; ?2: limit.
SELECT seq
FROM jobs INDEXED BY jobs_kill
WHERE kill_at IS NOT NULL AND state IN ('scheduled', 'waiting', 'ready', 'retrying') AND kill_at <= ?1
ORDER BY kill_at
LIMIT ?2
