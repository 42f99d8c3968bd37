-- The jobs of a queue that have been ready longest, and since before ?2 (ms). ?1: queue;
-- ?3: JSON object kind → newest known schema version; ?4: now, ms; ?5: JSON array of tenants that are shut; ?6: limit.
SELECT jobs.seq, jobs.tenant, jobs.kind
FROM jobs INDEXED BY jobs_ready_age
CROSS JOIN json_each(?3) AS known ON known.key = jobs.kind AND jobs.schema_version <= known.value
WHERE jobs.state = 'ready' AND jobs.queue = ?1 AND jobs.run_at <= ?2
  AND (jobs.kill_at IS NULL OR jobs.kill_at > ?4)
  AND jobs.tenant NOT IN (SELECT value FROM json_each(?5))
ORDER BY jobs.run_at
LIMIT ?6
