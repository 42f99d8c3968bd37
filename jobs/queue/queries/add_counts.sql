-- ?1: JSON array of {queue, state, kind, tenant, count}, count being the difference.
-- A difference may be negative only where a row exists, so the check on `count` sees the sum.
UPDATE job_counts SET count = count + (row.value ->> 'count')
FROM json_each(?1) AS row
WHERE job_counts.queue = row.value ->> 'queue'
  AND job_counts.state = row.value ->> 'state'
  AND job_counts.kind = row.value ->> 'kind'
  AND job_counts.tenant = row.value ->> 'tenant'
