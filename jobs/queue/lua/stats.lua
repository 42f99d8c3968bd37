-- uses: jobs
-- keys: rules
-- Describes a queue: bounded by its lanes, not by its jobs.
--
-- ARGV: 1 now.
-- Returns {counts as field and number, lanes as field and value, meta as field and value, since when the oldest ready
-- job has been ready (ms, false without), rule of the queue (false without), jobs there, jobs that run}.
local oldest = call('ZRANGE', k_waits, 0, 0, 'WITHSCORES')
return {
    call('HGETALL', k_counts), call('HGETALL', k_lanes), call('HGETALL', k_meta),
    oldest[2] and digits(now - tonumber(oldest[2])) or false, call('HGET', k_rules, 'q'),
    call('HLEN', k_spec), call('ZCARD', k_leases),
}
