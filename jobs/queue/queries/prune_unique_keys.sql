-- ?1: now, ms; ?2: limit.
DELETE FROM job_unique_keys
WHERE (tenant, kind, unique_key) IN (
    SELECT tenant, kind, unique_key FROM job_unique_keys
    WHERE expires_at IS NOT NULL AND expires_at <= ?1
    ORDER BY expires_at
    LIMIT ?2
)
