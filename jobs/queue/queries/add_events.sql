-- ?1: JSON array of events, oldest first.
INSERT INTO job_events (job_id, kind, queue, state, attempt, dead_reason, at)
SELECT
    unhex(row.value ->> 'job_id'),
    row.value ->> 'kind',
    row.value ->> 'queue',
    row.value ->> 'state',
    row.value ->> 'attempt',
    row.value ->> 'dead_reason',
    row.value ->> 'at'
FROM json_each(?1) AS row
ORDER BY row.key
