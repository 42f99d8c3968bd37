-- What waits in a queue: the run_at of the oldest ready job, and its ready jobs' work in ms of one slot. ?1: queue.
SELECT
    (SELECT min(run_at) FROM jobs INDEXED BY jobs_ready_age WHERE state = 'ready' AND queue = ?1),
    coalesce((
        SELECT sum(count * run_ms_avg)
        FROM job_counts
        JOIN job_kind_stats USING (kind)
        WHERE queue = ?1 AND state = 'ready'
    ), 0.0)
