-- Takes unique keys that are free or have expired, and tells which. ?1: JSON array of rows; ?2: now, ms.
INSERT INTO ledger_keys (hash, id, body_hash, expires_at)
SELECT
    unhex(row.value ->> 'hash'),
    unhex(row.value ->> 'id'),
    unhex(row.value ->> 'body_hash'),
    row.value ->> 'expires_at'
FROM json_each(?1) AS row
WHERE true
ON CONFLICT (hash) DO UPDATE SET
    id = excluded.id,
    body_hash = excluded.body_hash,
    expires_at = excluded.expires_at,
    ended_as = NULL
WHERE ledger_keys.expires_at <= ?2
RETURNING hash
