-- ?1: delete what happened until then, ms; ?2: limit. Looks at the oldest ?2 only.
DELETE FROM job_events
WHERE seq IN (SELECT seq FROM (SELECT seq, at FROM job_events ORDER BY seq LIMIT ?2) WHERE at <= ?1)
