-- Writes how jobs ended, frees their unique keys, and counts them. An end that is not newer than the last one known (a
-- late report of it) changes nothing, unless $1 is set. $2–$13: one array a column.
WITH settled AS (
    UPDATE ledger_jobs AS job SET
        state       = ended.state,
        dead_reason = ended.dead_reason,
        started_at  = coalesce(ended.started_at, job.started_at),
        finished_at = ended.finished_at,
        epoch       = ended.epoch,
        -- A broker that was given a forgotten job with fewer attempts left counts from there.
        attempt     = ended.attempt + greatest(0, job.max_attempts - ended.max_attempts),
        crashes     = ended.crashes,
        error_code  = ended.error_code,
        errors      = ended.errors,
        result      = ended.result
    FROM unnest(
        $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::integer[], $9::integer[],
        $10::integer[], $11::text[], $12::text[], $13::text[]
    ) AS ended (
        id, state, dead_reason, started_at, finished_at, epoch, attempt, crashes, max_attempts, error_code, errors, result
    )
    WHERE job.id = ended.id
      AND ($1 OR (ended.epoch, ended.finished_at) > (job.epoch, coalesce(job.finished_at, -1)))
    RETURNING job.id
),
freed AS (
    DELETE FROM ledger_keys USING settled
    WHERE ledger_keys.id = settled.id AND ledger_keys.expires_at IS NULL
)
SELECT count(*) FROM settled
