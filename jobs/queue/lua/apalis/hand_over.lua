-- Moves tasks from this worker's inflight set to the hand-over: from here on they are graphmill's, and no stock worker
-- gets them any more, whatever becomes of this process.
--
-- KEYS: 1 this worker's inflight SET, 2 hand-over ZSET (id → run_at in seconds, 0 for now), 3… the meta HASH of each.
-- ARGV: 1 this worker's name, 2… ids.
-- Returns the ids that were still in the inflight set; the others were given back as orphans meanwhile.
-- Keeps atomic: an id leaves the inflight set only into the hand-over.
local now = redis.call('TIME')[1]
local ours = {}
for n = 2, #ARGV do
    if redis.call('SREM', KEYS[1], ARGV[n]) == 1 then
        redis.call('ZADD', KEYS[2], 0, ARGV[n])
        redis.pcall('HSET', KEYS[n + 1], 'status', 'Running', 'locked_by', ARGV[1], 'locked_at', now)
        ours[#ours + 1] = ARGV[n]
    end
end
return ours
