-- Forgets that jobs waited for what has settled; returns each of them once per dependency. ?1: JSON array of ids.
DELETE FROM job_dependencies
WHERE on_id IN (SELECT unhex(value) FROM json_each(?1))
RETURNING seq
