-- uses: changes
-- Makes jobs ready whose time has come, and kills those that were not run in time. Expiry first: what is due and
-- expired must not run.
--
-- ARGV: 1 now, 2 limit (at most 1,000), 3 most errors kept.
-- Returns {jobs changed, outbox, ms until something may be due (-1: unknown)}.
local limit, max_errors = tonumber(ARGV[2]), tonumber(ARGV[3])
local changed = 0
local expired = call('ZRANGEBYSCORE', k_kill, '-inf', now, 'LIMIT', 0, limit)
for n, job in ipairs(load_many(expired)) do
    if job and not ENDED[job.st] and job.st ~= 'R' then
        local _, by_deadline = dies_at(job)
        if by_deadline then
            record_error(job, 'expired', 'job.deadline_passed', 'it was not done by its deadline', max_errors)
        else
            record_error(job, 'expired', 'job.expired', 'it was not started by its expires_at', max_errors)
        end
        kill(job, EXPIRED)
        save(job)
        changed = changed + 1
    else
        call('ZREM', k_kill, expired[n])
    end
end
flush()
if changed < limit then
    local come_due = call('ZRANGEBYSCORE', k_due, '-inf', now, 'LIMIT', 0, limit - changed)
    for n, job in ipairs(load_many(come_due)) do
        if job and (job.st == 's' or job.st == 't') then
            enter(job, 'r')
            save(job)
            changed = changed + 1
        else
            call('ZREM', k_due, come_due[n])
        end
    end
    flush()
end
return {changed, call('EXISTS', k_outbox), until_next_due()}
