-- Kinds and tenants with ready jobs, per queue. ?1: JSON array of queues.
SELECT queue, kind, tenant
FROM job_counts
WHERE queue IN (SELECT value FROM json_each(?1)) AND state = 'ready' AND count > 0
