-- The ledger: what was accepted and what became of it, whatever happens to the broker that dispatches it.
-- Instants are milliseconds since 1970, UTC; ids are UUIDs as 16 bytes.

CREATE TABLE ledger_jobs (
    -- The order of acceptance: a job never depends on one that came after it, so dispatching again in this order is safe.
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    submitted_at INTEGER NOT NULL,
    started_at   INTEGER,
    -- When it last ended; stays when the job is made to run again, and tells late news of that end from new ones.
    finished_at  INTEGER,
    -- The lease epoch it last ended with.
    epoch        INTEGER NOT NULL DEFAULT 0,
    body_hash    BLOB    NOT NULL,
    attempt      INTEGER NOT NULL DEFAULT 0,
    crashes      INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL,
    -- `accepted` until the job ends: which of the live states it is in, only the broker knows.
    state        TEXT    NOT NULL DEFAULT 'accepted' CHECK (state IN ('accepted', 'completed', 'cancelled', 'dead')),
    dead_reason  TEXT,
    queue        TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    tenant       TEXT    NOT NULL,
    -- JSON array, where there are any.
    tags         TEXT,
    -- The rest of what was submitted, as JSON.
    spec         TEXT    NOT NULL,
    error_code   TEXT,
    errors       TEXT,
    result       TEXT,
    CHECK ((dead_reason IS NOT NULL) = (state = 'dead')),
    CHECK (finished_at IS NOT NULL OR state = 'accepted')
) STRICT;

-- The reconciler's scan. Small: ended jobs are not in it.
CREATE INDEX ledger_jobs_open ON ledger_jobs (seq) WHERE state = 'accepted';
-- Prune, and counts of ended jobs.
CREATE INDEX ledger_jobs_ended ON ledger_jobs (state, finished_at) WHERE state <> 'accepted';

-- Who holds a unique key: `hash` is of tenant, kind and key. Without `expires_at` the row goes when the job ends; with
-- it, at that instant: `ended_as` keeps the job's last state when the job is pruned first.
CREATE TABLE ledger_keys (
    hash       BLOB NOT NULL PRIMARY KEY,
    id         BLOB NOT NULL,
    body_hash  BLOB NOT NULL,
    expires_at INTEGER,
    ended_as   TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_keys_id ON ledger_keys (id);
CREATE INDEX ledger_keys_expiry ON ledger_keys (expires_at) WHERE expires_at IS NOT NULL;

-- One row: what was ever accepted, and what was deleted after it ended.
CREATE TABLE ledger_totals (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    accepted INTEGER NOT NULL,
    pruned   INTEGER NOT NULL
) STRICT;
INSERT INTO ledger_totals (one, accepted, pruned) VALUES (1, 0, 0);
