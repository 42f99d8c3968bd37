-- Deletes an ended job and counts it; a unique key that outlives it keeps how it ended. $1: id.
WITH gone AS (
    DELETE FROM ledger_jobs WHERE id = $1 AND state <> 'accepted' RETURNING id, state
),
kept AS (
    UPDATE ledger_keys SET ended_as = gone.state FROM gone WHERE ledger_keys.id = gone.id
),
counted AS (
    INSERT INTO ledger_totals (shard, pruned)
    SELECT pg_backend_pid() % 64, count(*) FROM gone HAVING count(*) > 0
    ON CONFLICT (shard) DO UPDATE SET pruned = ledger_totals.pruned + excluded.pruned
)
SELECT count(*) FROM gone
