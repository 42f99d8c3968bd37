-- The ledger: what was accepted and what became of it, whatever happens to the broker that dispatches it.
-- Instants are milliseconds since 1970, UTC. Columns of fixed width come first, so that rows have no padding.

CREATE TABLE ledger_jobs (
    id           uuid     NOT NULL PRIMARY KEY,
    body_hash    uuid     NOT NULL,
    -- The order of acceptance: a job never depends on one that came after it, so dispatching again in this order is safe.
    seq          bigint   NOT NULL GENERATED ALWAYS AS IDENTITY,
    submitted_at bigint   NOT NULL,
    started_at   bigint,
    -- When it last ended; stays when the job is made to run again, and tells late news of that end from new ones.
    finished_at  bigint,
    -- The lease epoch it last ended with.
    epoch        bigint   NOT NULL DEFAULT 0,
    attempt      integer  NOT NULL DEFAULT 0,
    crashes      integer  NOT NULL DEFAULT 0,
    max_attempts integer  NOT NULL,
    -- `accepted` until the job ends: which of the live states it is in, only the broker knows.
    state        text     NOT NULL DEFAULT 'accepted',
    dead_reason  text,
    queue        text     NOT NULL,
    kind         text     NOT NULL,
    tenant       text     NOT NULL,
    tags         text[],
    -- The rest of what was submitted, as JSON. `text`, because it is only given back as it is: `jsonb` takes it apart at
    -- every insert (measured: 1.7 times the time, 12 % more bytes; `bytea` is like `text`), and refuses escaped NUL
    -- characters that payloads may hold.
    spec         text     NOT NULL,
    error_code   text,
    errors       text,
    result       text,
    CONSTRAINT ledger_jobs_state CHECK (state IN ('accepted', 'completed', 'cancelled', 'dead')),
    CONSTRAINT ledger_jobs_dead_reason CHECK ((dead_reason IS NOT NULL) = (state = 'dead')),
    CONSTRAINT ledger_jobs_finished_at CHECK (finished_at IS NOT NULL OR state = 'accepted')
);

-- The reconciler's scan. Small: ended jobs are not in it.
CREATE INDEX ledger_jobs_open ON ledger_jobs (seq) WHERE state = 'accepted';
-- Prune, and counts of ended jobs.
CREATE INDEX ledger_jobs_ended ON ledger_jobs (state, finished_at) WHERE state <> 'accepted';

-- Every job is updated once, when it ends: the dead versions must go before they double the table.
ALTER TABLE ledger_jobs SET (autovacuum_vacuum_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.1);

-- Who holds a unique key: `hash` is of tenant, kind and key. Without `expires_at` the row goes when the job ends; with
-- it, at that instant: `ended_as` keeps the job's last state when the job is pruned first.
CREATE TABLE ledger_keys (
    hash       uuid   NOT NULL PRIMARY KEY,
    id         uuid   NOT NULL,
    body_hash  uuid   NOT NULL,
    expires_at bigint,
    ended_as   text
);
CREATE INDEX ledger_keys_id ON ledger_keys (id);
CREATE INDEX ledger_keys_expiry ON ledger_keys (expires_at) WHERE expires_at IS NOT NULL;

-- What was ever accepted, and what was deleted after it ended: the sums of both columns. Every connection adds to the
-- row of its shard, so that submits of many processes do not wait for each other's commit.
CREATE TABLE ledger_totals (
    shard    integer NOT NULL PRIMARY KEY,
    accepted bigint  NOT NULL DEFAULT 0,
    pruned   bigint  NOT NULL DEFAULT 0
);
