-- ?1: scope; ?2: name; ?3: concurrency; ?4: starts a second; ?5: burst.
INSERT INTO job_scopes (scope, name, concurrency, rate_per_s, burst) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (scope, name) DO UPDATE SET
    concurrency = excluded.concurrency,
    rate_per_s = excluded.rate_per_s,
    burst = excluded.burst
