-- Who holds these keys. ?1: JSON array of [tenant, kind, key]; ?2: now, ms.
SELECT
    taken.tenant, taken.kind, taken.unique_key, taken.id, taken.body_hash,
    coalesce(jobs.state, taken.ended_as, 'completed') AS state
FROM json_each(?1) AS wanted
JOIN job_unique_keys AS taken
    ON taken.tenant = wanted.value ->> 0
    AND taken.kind = wanted.value ->> 1
    AND taken.unique_key = wanted.value ->> 2
LEFT JOIN jobs ON jobs.id = taken.id
WHERE taken.expires_at IS NULL OR taken.expires_at > ?2
