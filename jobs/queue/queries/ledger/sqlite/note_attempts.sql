-- Writes what failed attempts of live jobs have cost. ?1: JSON array of rows.
UPDATE ledger_jobs SET
    attempt    = (row.value ->> 'attempt') + max(0, max_attempts - (row.value ->> 'max_attempts')),
    crashes    = row.value ->> 'crashes',
    error_code = row.value ->> 'error_code',
    errors     = row.value ->> 'errors'
FROM json_each(?1) AS row
WHERE ledger_jobs.id = unhex(row.value ->> 'id') AND state = 'accepted'
