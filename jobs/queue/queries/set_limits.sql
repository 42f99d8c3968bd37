-- ?1: scope; ?2: name; ?3: concurrency; ?4: starts a second; ?5: burst; ?6: a tenant's weight.
INSERT INTO job_scopes (scope, name, concurrency, rate_per_s, burst, weight) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (scope, name) DO UPDATE SET
    concurrency = excluded.concurrency,
    rate_per_s = excluded.rate_per_s,
    burst = excluded.burst,
    weight = excluded.weight
