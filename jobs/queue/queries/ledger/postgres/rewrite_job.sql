-- Writes what a job now is. $1: id; $2: spec; $3: body hash, which its unique key follows.
WITH written AS (
    UPDATE ledger_jobs SET spec = $2, body_hash = $3 WHERE id = $1 RETURNING id
),
keyed AS (
    UPDATE ledger_keys SET body_hash = $3 WHERE id = $1
)
SELECT count(*) FROM written
