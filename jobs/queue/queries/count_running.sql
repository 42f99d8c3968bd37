-- Counts the running jobs of scopes. ?1: JSON array of [scope, name].
SELECT
    row.value ->> 0 AS scope,
    row.value ->> 1 AS name,
    (
        SELECT coalesce(sum(count), 0) FROM job_counts
        WHERE state = 'running'
          AND CASE row.value ->> 0
              WHEN 'queue' THEN queue
              WHEN 'kind' THEN kind
              ELSE tenant
          END = row.value ->> 1
    ) AS running
FROM json_each(?1) AS row
