-- The job engine's tables. Instants are milliseconds since 1970, UTC; ids are UUIDs as 16 bytes.

-- What changes about a job. `seq` is the order of acceptance: newest first is `seq DESC`.
CREATE TABLE jobs (
    seq              INTEGER PRIMARY KEY,
    id               BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    queue            TEXT    NOT NULL,
    kind             TEXT    NOT NULL,
    tenant           TEXT    NOT NULL,
    priority         INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 3),
    schema_version   INTEGER NOT NULL,
    -- BLAKE3 of kind and payload: tells a repeated submit from another job under the same key.
    body_hash        TEXT    NOT NULL,
    max_attempts     INTEGER NOT NULL,
    backoff_base_ms  INTEGER NOT NULL,
    backoff_max_ms   INTEGER NOT NULL,
    unique_key       TEXT,
    unique_ttl_ms    INTEGER,
    expires_at       INTEGER,
    deadline         INTEGER,
    submitted_at     INTEGER NOT NULL,

    state            TEXT    NOT NULL CHECK (state IN
        ('scheduled', 'waiting', 'ready', 'running', 'retrying', 'completed', 'cancelled', 'dead')),
    dead_reason      TEXT,
    attempt          INTEGER NOT NULL DEFAULT 0,
    crashes          INTEGER NOT NULL DEFAULT 0,
    epoch            INTEGER NOT NULL DEFAULT 0,
    worker           TEXT,
    lease_expires_at INTEGER,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    -- Dependencies that have not settled.
    pending          INTEGER NOT NULL DEFAULT 0,
    run_at           INTEGER NOT NULL,
    -- When it dies unless it runs: `expires_at` until it first started, and `deadline`.
    kill_at          INTEGER,
    started_at       INTEGER,
    finished_at      INTEGER,
    -- Code of the last error, to filter by.
    error_code       TEXT,
    progress         TEXT,
    checkpoint       TEXT,
    errors           TEXT,
    result           TEXT,

    CHECK ((finished_at IS NOT NULL) = (state IN ('completed', 'cancelled', 'dead'))),
    CHECK ((lease_expires_at IS NOT NULL) = (state = 'running')),
    CHECK ((dead_reason IS NOT NULL) = (state = 'dead')),
    CHECK (pending = 0 OR state IN ('waiting', 'completed', 'cancelled', 'dead'))
) STRICT;

-- Fetch: the next job of a queue and kind.
CREATE INDEX jobs_ready ON jobs (queue, kind, priority, run_at, seq) WHERE state = 'ready';
-- Starvation guard and age of the oldest ready job.
CREATE INDEX jobs_ready_age ON jobs (queue, run_at) WHERE state = 'ready';
-- Promotion.
CREATE INDEX jobs_due ON jobs (run_at) WHERE state IN ('scheduled', 'retrying');
-- Expiry of what has not run.
CREATE INDEX jobs_kill ON jobs (kill_at)
    WHERE kill_at IS NOT NULL AND state IN ('scheduled', 'waiting', 'ready', 'retrying');
-- Rescue.
CREATE INDEX jobs_leases ON jobs (lease_expires_at) WHERE state = 'running';
-- Prune.
CREATE INDEX jobs_ended ON jobs (state, finished_at) WHERE finished_at IS NOT NULL;
-- Lists by state, newest first.
CREATE INDEX jobs_state ON jobs (state, seq);
-- Lists by error.
CREATE INDEX jobs_error ON jobs (error_code, seq) WHERE error_code IS NOT NULL;

-- What was submitted, as JSON; never changes, so that state changes do not rewrite payloads.
CREATE TABLE job_specs (
    seq  INTEGER PRIMARY KEY REFERENCES jobs (seq) ON DELETE CASCADE,
    spec TEXT NOT NULL
) STRICT;

CREATE TABLE job_tags (
    tag TEXT    NOT NULL,
    seq INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    PRIMARY KEY (tag, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_tags_seq ON job_tags (seq);

-- `seq` waits for the job `on_id`. A row goes when `on_id` settles.
CREATE TABLE job_dependencies (
    on_id BLOB    NOT NULL,
    seq   INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    PRIMARY KEY (on_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_dependencies_seq ON job_dependencies (seq);

-- Who holds a unique key. Without `expires_at` the row goes when the job ends; with it, at that instant, whatever
-- becomes of the job: `ended_as` keeps its last state when it is pruned first.
CREATE TABLE job_unique_keys (
    tenant     TEXT NOT NULL,
    kind       TEXT NOT NULL,
    unique_key TEXT NOT NULL,
    id         BLOB NOT NULL,
    body_hash  TEXT NOT NULL,
    expires_at INTEGER,
    ended_as   TEXT,
    PRIMARY KEY (tenant, kind, unique_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_unique_keys_expiry ON job_unique_keys (expires_at) WHERE expires_at IS NOT NULL;

-- Jobs by state, kept with every change in the same transaction, so that counting costs no scan.
CREATE TABLE job_counts (
    queue  TEXT    NOT NULL,
    state  TEXT    NOT NULL,
    kind   TEXT    NOT NULL,
    tenant TEXT    NOT NULL,
    count  INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (queue, state, kind, tenant)
) STRICT, WITHOUT ROWID;

-- One row: what was ever accepted, and what was deleted after it ended.
CREATE TABLE job_totals (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    accepted INTEGER NOT NULL,
    pruned   INTEGER NOT NULL
) STRICT;
INSERT INTO job_totals (one, accepted, pruned) VALUES (1, 0, 0);

-- Every state a job entered, oldest first.
CREATE TABLE job_events (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id      BLOB    NOT NULL,
    kind        TEXT    NOT NULL,
    queue       TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    attempt     INTEGER NOT NULL,
    dead_reason TEXT,
    at          INTEGER NOT NULL
) STRICT;

-- Pauses and limits of queues, kinds and tenants. The level of a token bucket is the broker's, in memory.
CREATE TABLE job_scopes (
    scope       TEXT    NOT NULL CHECK (scope IN ('queue', 'kind', 'tenant')),
    name        TEXT    NOT NULL,
    paused      INTEGER NOT NULL DEFAULT 0,
    concurrency INTEGER,
    rate_per_s  REAL,
    burst       INTEGER NOT NULL DEFAULT 0,
    -- A tenant's share against the others'; 1 where there is none.
    weight      INTEGER CHECK (weight BETWEEN 1 AND 100),
    PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;

-- Moving average of a kind's run time.
CREATE TABLE job_kind_stats (
    kind       TEXT PRIMARY KEY,
    run_ms_avg REAL    NOT NULL,
    samples    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
