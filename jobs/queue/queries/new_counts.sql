-- Makes the rows that `add_counts.sql` adds to. ?1: as there.
INSERT OR IGNORE INTO job_counts (queue, state, kind, tenant, count)
SELECT row.value ->> 'queue', row.value ->> 'state', row.value ->> 'kind', row.value ->> 'tenant', 0
FROM json_each(?1) AS row
