-- Frees keys that are taken until their job ends. ?1: JSON array of [tenant, kind, key].
DELETE FROM job_unique_keys
WHERE expires_at IS NULL
  AND (tenant, kind, unique_key) IN (
    SELECT row.value ->> 0, row.value ->> 1, row.value ->> 2 FROM json_each(?1) AS row
)
