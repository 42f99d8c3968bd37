-- Takes unique keys that are free or have expired, and tells which. $1: now, ms; $2–$5: one array a column.
INSERT INTO ledger_keys (hash, id, body_hash, expires_at)
SELECT entry.hash, entry.id, entry.body_hash, entry.expires_at
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[]) AS entry (hash, id, body_hash, expires_at)
-- Always in one order: two submits of the same keys must not wait for each other.
ORDER BY entry.hash
ON CONFLICT (hash) DO UPDATE SET
    id = excluded.id,
    body_hash = excluded.body_hash,
    expires_at = excluded.expires_at,
    ended_as = NULL
WHERE ledger_keys.expires_at <= $1
RETURNING hash
