-- uses: changes
-- keys: rules
-- Describes a queue: bounded by its lanes, not by its jobs.
--
-- ARGV: 1 now.
-- Returns {counts as field and number, lanes as field and value, meta as field and value, how long the oldest ready
-- job has been ready (ms, false without), rule of the queue (false without), jobs there, jobs that run}.
-- What is not ready any more (cancelled, expired) may still stand first in a lane: it falls away here.
local oldest
for _ = 1, 1000 do
    local lane = call('ZRANGE', k_waits, 0, 0)[1]
    if not lane then
        break
    end
    local head, tail, pass = lane_position(lane)
    local position = {head = head, tail = tail}
    local job = load(sub(call('HGET', k_ready, lane .. ':' .. head) or '', 1, 16))
    if job and job.st == 'r' then
        oldest = digits(now - job.run_at)
        break
    end
    lane_pop(position, lane, 1)
    lane_moved(tonumber(lane), position.head, position.tail, pass, ready_since(position, lane))
end
return {
    call('HGETALL', k_counts), call('HGETALL', k_lanes), call('HGETALL', k_meta),
    oldest or false, call('HGET', k_rules, 'q'),
    call('HLEN', k_spec), call('ZCARD', k_leases),
}
