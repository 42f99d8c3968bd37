-- Who holds these keys. $1: hashes.
SELECT
    taken.hash, taken.id, taken.body_hash, taken.expires_at,
    coalesce(job.state, taken.ended_as, 'completed') AS state
FROM ledger_keys AS taken
LEFT JOIN ledger_jobs AS job ON job.id = taken.id
WHERE taken.hash = ANY($1::uuid[])
