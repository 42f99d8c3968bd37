-- The next jobs of one lane, in order. ?1: queue; ?2: kind; ?3: tenant; ?4: newest known schema version; ?5: now, ms;
-- ?6: limit.
SELECT seq, priority, run_at
FROM jobs INDEXED BY jobs_ready
WHERE state = 'ready' AND queue = ?1 AND kind = ?2 AND tenant = ?3 AND schema_version <= ?4
  AND (kill_at IS NULL OR kill_at > ?5)
ORDER BY priority, run_at, seq
LIMIT ?6
