-- Who holds these keys. ?1: JSON array of hashes in hexadecimal.
SELECT
    taken.hash, taken.id, taken.body_hash, taken.expires_at,
    coalesce(job.state, taken.ended_as, 'completed') AS state
FROM ledger_keys AS taken
LEFT JOIN ledger_jobs AS job ON job.id = taken.id
WHERE taken.hash IN (SELECT unhex(value) FROM json_each(?1))
