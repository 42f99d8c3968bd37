-- Which of these jobs are there. ?1: JSON array of ids in hexadecimal.
SELECT id, state, body_hash FROM ledger_jobs WHERE id IN (SELECT unhex(value) FROM json_each(?1))
