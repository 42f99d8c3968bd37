-- Fetch: the next jobs of a queue, kind and tenant, so that tenants are served in turns however much one of them has.
DROP INDEX jobs_ready;
CREATE INDEX jobs_ready ON jobs (queue, kind, tenant, priority, run_at, seq) WHERE state = 'ready';
