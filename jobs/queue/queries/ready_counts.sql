-- Ready jobs by queue, kind, schema version and tenant, with the moving average of their kind's run time.
SELECT queue, kind, schema_version, tenant, count(*) AS jobs, run_ms_avg
FROM jobs INDEXED BY jobs_ready
LEFT JOIN job_kind_stats USING (kind)
WHERE state = 'ready'
GROUP BY queue, kind, schema_version, tenant
