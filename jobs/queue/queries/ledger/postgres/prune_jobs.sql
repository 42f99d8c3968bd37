-- Deletes ended jobs and counts them; unique keys that outlive them keep how they ended.
-- $1: state; $2: ended at or before, ms; $3: limit.
WITH over AS (
    SELECT id FROM ledger_jobs
    WHERE state = $1 AND state <> 'accepted' AND finished_at <= $2
    ORDER BY finished_at
    LIMIT $3
    -- Two pruners take different rows instead of waiting for each other.
    FOR UPDATE SKIP LOCKED
),
pruned AS (
    DELETE FROM ledger_jobs USING over WHERE ledger_jobs.id = over.id RETURNING ledger_jobs.id
),
kept AS (
    UPDATE ledger_keys SET ended_as = $1 FROM pruned WHERE ledger_keys.id = pruned.id
),
counted AS (
    INSERT INTO ledger_totals (shard, pruned)
    SELECT pg_backend_pid() % 64, count(*) FROM pruned HAVING count(*) > 0
    ON CONFLICT (shard) DO UPDATE SET pruned = ledger_totals.pruned + excluded.pruned
)
SELECT count(*) FROM pruned
