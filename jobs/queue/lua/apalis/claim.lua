-- Takes tasks as a stock apalis worker does, but never more than asked for. What may run now goes into this worker's
-- inflight set, where apalis's orphan handling finds it; what runs later goes straight into the hand-over, because that
-- handling would make it run at once.
--
-- KEYS: 1 workers ZSET, 2 active LIST, 3 this worker's inflight SET, 4 scheduled ZSET, 5 hand-over ZSET (id → run_at in
-- seconds, 0 for now).
-- ARGV: 1 this worker's name, 2 limit (1–500).
-- Returns {ids that may run now, ids that run later with their run_at one after the other}.
-- Keeps atomic: an id is in one of active, scheduled, an inflight set, the hand-over; the claim is also the heartbeat.
local now = tonumber(redis.call('TIME')[1])
local left = tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], now, ARGV[1])

-- One batch is in work at a time, so what is here is from a claim whose answer was lost.
local due = redis.call('SRANDMEMBER', KEYS[3], left)
left = left - #due

local function take(ids)
    if #ids > 0 then
        redis.call('SADD', KEYS[3], unpack(ids))
    end
    for _, id in ipairs(ids) do
        due[#due + 1] = id
    end
    left = left - #ids
end

if left > 0 then
    take(redis.call('LPOP', KEYS[2], left) or {})
end
if left > 0 then
    local ids = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, left)
    if #ids > 0 then
        redis.call('ZREM', KEYS[4], unpack(ids))
    end
    take(ids)
end

local later = {}
if left > 0 then
    later = redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, left)
    for n = 1, #later, 2 do
        redis.call('ZREM', KEYS[4], later[n])
        redis.call('ZADD', KEYS[5], later[n + 1], later[n])
    end
end
return {due, later}
