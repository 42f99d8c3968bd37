-- uses: changes
-- Takes jobs back whose lease has run out. The loss counts as a crash, not as an attempt, and the epoch grows, so that
-- a worker which was only slow is refused.
--
-- ARGV: 1 now, 2 limit (at most 1,000), 3 most errors kept, 4 crash budget.
-- Returns {rescued, outbox, ms until something may be due (-1: unknown)}; rescued has {id, state, lane's name, worker} for each.
local limit, max_errors, budget = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local rescued = {}
local lost = call('ZRANGEBYSCORE', k_leases, '-inf', now, 'LIMIT', 0, limit)
for n, job in ipairs(load_many(lost)) do
    if job and job.st == 'R' then
        local worker = job.worker
        record_error(job, 'crash', 'job.lease_lost',
            'the lease ran out: `' .. worker .. '` died, hung or was cut off', max_errors)
        job.crashes, job.epoch = min(255, job.crashes + 1), job.epoch + 1
        job.attempt = max(0, job.attempt - 1)
        if has(job, CANCEL) then
            enter(job, 'x')
        elseif job.crashes > budget then
            kill(job, CRASHED)
        else
            enter(job, 'r', true)
        end
        save(job)
        rescued[#rescued + 1] = {job.id, job.st, lane_info(job.lane)[5], worker}
    else
        call('ZREM', k_leases, lost[n])
    end
end
flush()
return {rescued, call('EXISTS', k_outbox), until_next_due()}
