-- How many ready jobs come before one: those of more urgent priority, and those before it in its lane.
-- ?1: queue; ?2: priority; ?3: kind; ?4: tenant; ?5: schema version; ?6: run_at; ?7: seq; ?8: count no more than this of each.
SELECT
    (
        SELECT coalesce(sum(ahead), 0) FROM (
            -- Lane by lane, so that only what is counted is looked at.
            SELECT (
                SELECT count(*) FROM (
                    SELECT 1 FROM jobs INDEXED BY jobs_ready
                    WHERE state = 'ready' AND queue = ?1 AND kind = lanes.kind AND tenant = lanes.tenant AND priority < ?2
                    LIMIT ?8
                )
            ) AS ahead
            FROM (SELECT kind, tenant FROM job_counts WHERE queue = ?1 AND state = 'ready' AND count > 0) AS lanes
        )
    ),
    (
        SELECT count(*) FROM (
            SELECT 1 FROM jobs INDEXED BY jobs_ready
            WHERE state = 'ready' AND queue = ?1 AND kind = ?3 AND priority = ?2 AND (run_at, seq) < (?6, ?7)
              AND tenant = ?4 AND schema_version = ?5
            LIMIT ?8
        )
    )
