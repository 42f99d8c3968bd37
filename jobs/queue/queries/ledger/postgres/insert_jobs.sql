-- Adds jobs, counts them, and tells which were new. $1: now, ms; $2–$9: one array a column.
WITH added AS (
    INSERT INTO ledger_jobs (submitted_at, id, body_hash, max_attempts, queue, kind, tenant, tags, spec)
    SELECT
        $1,
        entry.id,
        entry.body_hash,
        entry.max_attempts,
        entry.queue,
        entry.kind,
        entry.tenant,
        -- An array of arrays would have to be rectangular: tags travel as JSON.
        CASE
            WHEN entry.tags IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(entry.tags::json))
        END,
        entry.spec
    FROM unnest($2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
        WITH ORDINALITY AS entry (id, body_hash, max_attempts, queue, kind, tenant, tags, spec, place)
    ORDER BY entry.place
    ON CONFLICT (id) DO NOTHING
    RETURNING id
),
counted AS (
    INSERT INTO ledger_totals (shard, accepted)
    SELECT pg_backend_pid() % 64, count(*) FROM added HAVING count(*) > 0
    ON CONFLICT (shard) DO UPDATE SET accepted = ledger_totals.accepted + excluded.accepted
)
SELECT id FROM added
