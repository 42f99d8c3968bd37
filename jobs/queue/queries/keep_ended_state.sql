-- Keeps the last state of jobs that are about to be deleted with the keys that outlive them.
-- ?1: JSON array of [id, state, tenant, kind, key].
UPDATE job_unique_keys SET ended_as = row.value ->> 1
FROM json_each(?1) AS row
WHERE job_unique_keys.tenant = row.value ->> 2
  AND job_unique_keys.kind = row.value ->> 3
  AND job_unique_keys.unique_key = row.value ->> 4
  AND job_unique_keys.id = unhex(row.value ->> 0)
