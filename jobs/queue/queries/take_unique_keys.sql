-- Takes keys; one that is there has expired, or the submit would have seen it. ?1: JSON array of rows.
INSERT INTO job_unique_keys (tenant, kind, unique_key, id, body_hash, expires_at)
SELECT
    row.value ->> 'tenant',
    row.value ->> 'kind',
    row.value ->> 'unique_key',
    unhex(row.value ->> 'id'),
    row.value ->> 'body_hash',
    row.value ->> 'expires_at'
FROM json_each(?1) AS row
WHERE true
ON CONFLICT (tenant, kind, unique_key) DO UPDATE SET
    id = excluded.id,
    body_hash = excluded.body_hash,
    expires_at = excluded.expires_at,
    ended_as = NULL
