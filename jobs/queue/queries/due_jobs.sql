-- Jobs whose time has come. ?1: now, ms; ?2: limit.
SELECT seq
FROM jobs INDEXED BY jobs_due
WHERE state IN ('scheduled', 'retrying') AND run_at <= ?1
ORDER BY run_at
LIMIT ?2
