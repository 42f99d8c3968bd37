-- Adds a schedule or changes one, which stays seen to where it was.
-- $1: name; $2: cron; $3: time zone; $4: job, JSON; $5: catch-up policy; $6: paused; $7: now, ms.
INSERT INTO schedules (name, cron, timezone, job, catch_up, paused, seen_to) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (name) DO UPDATE SET
    cron = excluded.cron,
    timezone = excluded.timezone,
    job = excluded.job,
    catch_up = excluded.catch_up,
    paused = excluded.paused
