-- Jobs by the clock. `seen_to`: ticks until here have fired, or never will; milliseconds since 1970, UTC.
CREATE TABLE schedules (
    name     TEXT    NOT NULL PRIMARY KEY,
    cron     TEXT    NOT NULL,
    timezone TEXT    NOT NULL,
    -- What is submitted at each tick.
    job      TEXT    NOT NULL CHECK (json_valid(job)),
    catch_up TEXT    NOT NULL CHECK (catch_up IN ('skip', 'one', 'all')),
    paused   INTEGER NOT NULL DEFAULT 0,
    seen_to  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
