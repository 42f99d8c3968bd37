-- The next jobs of one lane, in order. ?1: queue; ?2: kind; ?3: newest known schema version; ?4: now, ms;
-- ?5: JSON array of tenants that are shut; ?6: limit.
SELECT seq, priority, run_at, tenant
FROM jobs INDEXED BY jobs_ready
WHERE state = 'ready' AND queue = ?1 AND kind = ?2 AND schema_version <= ?3
  AND (kill_at IS NULL OR kill_at > ?4)
  AND tenant NOT IN (SELECT value FROM json_each(?5))
ORDER BY priority, run_at, seq
LIMIT ?6
