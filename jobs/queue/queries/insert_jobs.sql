-- ?1: JSON array of rows with these columns; the rest have defaults.
INSERT INTO jobs (
    seq, id, queue, kind, tenant, priority, schema_version, body_hash, max_attempts, backoff_base_ms, backoff_max_ms,
    unique_key, unique_ttl_ms, expires_at, deadline, submitted_at, state, pending, run_at, kill_at
)
SELECT
    row.value ->> 'seq',
    unhex(row.value ->> 'id'),
    row.value ->> 'queue',
    row.value ->> 'kind',
    row.value ->> 'tenant',
    row.value ->> 'priority',
    row.value ->> 'schema_version',
    row.value ->> 'body_hash',
    row.value ->> 'max_attempts',
    row.value ->> 'backoff_base_ms',
    row.value ->> 'backoff_max_ms',
    row.value ->> 'unique_key',
    row.value ->> 'unique_ttl_ms',
    row.value ->> 'expires_at',
    row.value ->> 'deadline',
    row.value ->> 'submitted_at',
    row.value ->> 'state',
    row.value ->> 'pending',
    row.value ->> 'run_at',
    row.value ->> 'kill_at'
FROM json_each(?1) AS row
