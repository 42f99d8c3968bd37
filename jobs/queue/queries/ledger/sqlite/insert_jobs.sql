-- Adds jobs and tells which were new. ?1: JSON array of rows; ?2: now, ms.
INSERT INTO ledger_jobs (id, submitted_at, body_hash, max_attempts, queue, kind, tenant, tags, spec)
SELECT
    unhex(row.value ->> 'id'),
    ?2,
    unhex(row.value ->> 'body_hash'),
    row.value ->> 'max_attempts',
    row.value ->> 'queue',
    row.value ->> 'kind',
    row.value ->> 'tenant',
    row.value ->> 'tags',
    row.value ->> 'spec'
FROM json_each(?1) AS row
WHERE true
ON CONFLICT (id) DO NOTHING
RETURNING id
