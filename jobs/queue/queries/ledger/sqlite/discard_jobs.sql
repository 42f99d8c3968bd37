-- Deletes jobs that the broker would not have. ?1: JSON array of ids in hexadecimal.
DELETE FROM ledger_jobs WHERE state = 'accepted' AND id IN (SELECT unhex(value) FROM json_each(?1))
