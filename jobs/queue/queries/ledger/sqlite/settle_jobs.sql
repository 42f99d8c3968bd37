-- Writes how jobs ended and tells which were changed. An end that is not newer than the last one known (a late report
-- of it) changes nothing, unless ?2 is set. ?1: JSON array of rows.
UPDATE ledger_jobs SET
    state       = row.value ->> 'state',
    dead_reason = row.value ->> 'dead_reason',
    started_at  = coalesce(row.value ->> 'started_at', started_at),
    finished_at = row.value ->> 'finished_at',
    epoch       = row.value ->> 'epoch',
    -- A broker that was given a forgotten job with fewer attempts left counts from there.
    attempt     = (row.value ->> 'attempt') + max(0, max_attempts - (row.value ->> 'max_attempts')),
    crashes     = row.value ->> 'crashes',
    error_code  = row.value ->> 'error_code',
    errors      = row.value ->> 'errors',
    result      = row.value ->> 'result'
FROM json_each(?1) AS row
WHERE ledger_jobs.id = unhex(row.value ->> 'id')
  AND (?2 OR (row.value ->> 'epoch', row.value ->> 'finished_at') > (epoch, coalesce(finished_at, -1)))
RETURNING ledger_jobs.id
