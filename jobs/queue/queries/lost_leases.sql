-- Running jobs whose lease has run out. ?1: now, ms; ?2: limit.
SELECT seq
FROM jobs INDEXED BY jobs_leases
WHERE state = 'running' AND lease_expires_at <= ?1
ORDER BY lease_expires_at
LIMIT ?2
