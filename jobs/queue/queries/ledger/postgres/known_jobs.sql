-- Which of these jobs are there. $1: ids.
SELECT id, state, body_hash FROM ledger_jobs WHERE id = ANY($1::uuid[])
