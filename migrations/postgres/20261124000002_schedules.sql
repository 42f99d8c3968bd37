-- Jobs by the clock. `seen_to`: ticks until here have fired, or never will; milliseconds since 1970, UTC.
CREATE TABLE schedules (
    name     text    NOT NULL PRIMARY KEY,
    cron     text    NOT NULL,
    timezone text    NOT NULL,
    -- What is submitted at each tick, as JSON; text, because it is only ever read whole.
    job      text    NOT NULL,
    catch_up text    NOT NULL CHECK (catch_up IN ('skip', 'one', 'all')),
    paused   boolean NOT NULL DEFAULT false,
    seen_to  bigint  NOT NULL
);
