-- Writes back what verbs changed. ?1: JSON array of rows, each with all of these columns and `seq`.
UPDATE jobs SET
    state            = row.value ->> 'state',
    dead_reason      = row.value ->> 'dead_reason',
    attempt          = row.value ->> 'attempt',
    crashes          = row.value ->> 'crashes',
    epoch            = row.value ->> 'epoch',
    worker           = row.value ->> 'worker',
    lease_expires_at = row.value ->> 'lease_expires_at',
    cancel_requested = row.value ->> 'cancel_requested',
    pending          = row.value ->> 'pending',
    run_at           = row.value ->> 'run_at',
    expires_at       = row.value ->> 'expires_at',
    deadline         = row.value ->> 'deadline',
    kill_at          = row.value ->> 'kill_at',
    started_at       = row.value ->> 'started_at',
    finished_at      = row.value ->> 'finished_at',
    error_code       = row.value ->> 'error_code',
    progress         = row.value ->> 'progress',
    checkpoint       = row.value ->> 'checkpoint',
    errors           = row.value ->> 'errors',
    result           = row.value ->> 'result'
FROM json_each(?1) AS row
WHERE jobs.seq = row.value ->> 'seq'
