-- Gives back what a lost worker held, as apalis's reenqueue_orphaned.lua does, but never more than asked for.
--
-- KEYS: 1 workers ZSET (name → last heartbeat, s), 2 the lost worker's inflight SET, 3 active LIST.
-- ARGV: 1 its name, 2 seconds without a heartbeat (0: however recent), 3 limit (1–500).
-- Returns how many tasks went back. A worker that holds nothing any more is forgotten.
-- Keeps atomic: an id leaves the inflight set only into active.
local seen = redis.call('ZSCORE', KEYS[1], ARGV[1])
local now = tonumber(redis.call('TIME')[1])
if not seen or now - tonumber(seen) < tonumber(ARGV[2]) then
    return 0
end
local ids = redis.call('SPOP', KEYS[2], ARGV[3])
if #ids > 0 then
    redis.call('RPUSH', KEYS[3], unpack(ids))
end
if redis.call('EXISTS', KEYS[2]) == 0 then
    redis.call('ZREM', KEYS[1], ARGV[1])
end
return #ids
