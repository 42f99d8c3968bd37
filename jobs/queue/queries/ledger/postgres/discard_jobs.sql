-- Deletes jobs that the broker would not have, as if they had never been accepted. $1: ids.
WITH discarded AS (
    DELETE FROM ledger_jobs WHERE state = 'accepted' AND id = ANY($1::uuid[]) RETURNING id
),
freed AS (
    DELETE FROM ledger_keys USING discarded WHERE ledger_keys.id = discarded.id
)
INSERT INTO ledger_totals (shard, accepted)
SELECT pg_backend_pid() % 64, -count(*) FROM discarded HAVING count(*) > 0
ON CONFLICT (shard) DO UPDATE SET accepted = ledger_totals.accepted + excluded.accepted
