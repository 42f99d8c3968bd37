-- Ends tasks as apalis's handle_results.lua does, so that its waiters, lists and vacuum see what they know.
--
-- KEYS: 1 hand-over ZSET, 2 done SET, 3 dead SET, 4… the meta HASH of each task.
-- ARGV: four a task: id; status: Done or Killed; result: JSON, {"Ok": …} or {"Err": …}; the job that stands for it, or
-- empty.
-- Returns how many were in the hand-over. Another process that handed the same task over may have been first.
-- Keeps atomic: an id leaves the hand-over only into done or dead.
local now = redis.call('TIME')[1]
local settled = 0
for n = 1, #ARGV / 4 do
    local id, status, result, job = unpack(ARGV, 4 * n - 3, 4 * n)
    if redis.call('ZREM', KEYS[1], id) == 1 then
        settled = settled + 1
        local set = status == 'Done' and KEYS[2] or KEYS[3]
        redis.call('SADD', set, id)
        redis.call('PUBLISH', 'tasks:' .. set, id)
        redis.pcall('HSET', KEYS[3 + n], 'status', status, 'result', result, 'done_at', now)
        if job ~= '' then
            redis.pcall('HSET', KEYS[3 + n], 'graphmill_job', job)
        end
    end
end
return settled
