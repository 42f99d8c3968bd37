-- uses: changes
-- keys: results checkpoints progress unique_expiry log old
-- Deletes ended jobs and events whose time is over, keys that have run out, and what the log no longer needs.
--
-- ARGV: 1 now, 2 limit (at most 1,000), 3–6 how long completed, cancelled and dead jobs and events are kept, ms.
-- Returns how many jobs went.
-- `completed`, `cancelled`, `dead` LIST: id c16, finished_at d, in that order; an entry whose job was retried since
-- falls away.
local limit = tonumber(ARGV[2])
local gone, seen = {}, {}

local function take(list, keep)
    local room = limit - #gone
    if room <= 0 then
        return
    end
    local entries = call('LRANGE', list, 0, room - 1)
    local ids, times, over = {}, {}, 0
    for _, entry in ipairs(entries) do
        local at = unpack_from('<d', entry, 17)
        if at > now - keep then
            break
        end
        over = over + 1
        ids[over], times[over] = sub(entry, 1, 16), at
    end
    if over == 0 then
        return
    end
    local texts = call('HMGET', k_state, unpack(ids))
    for n, id in ipairs(ids) do
        local job = texts[n] and read_state(id, texts[n])
        -- One that ended, was retried and ended again within a ms stands in the list twice.
        if job and not seen[id] and ENDED[job.st] == list and job.finished == times[n] then
            seen[id] = true
            count(job.st, job.lane, -1)
            gone[#gone + 1] = id
        end
    end
    call('LTRIM', list, over, -1)
end
take(k_completed, tonumber(ARGV[3]))
take(k_cancelled, tonumber(ARGV[4]))
take(k_dead, tonumber(ARGV[5]))

if #gone > 0 then
    for _, key in ipairs({k_spec, k_state, k_errors, k_results, k_checkpoints, k_progress, k_deps}) do
        call_list('HDEL', key, gone)
    end
    call_list('ZREM', k_old, gone)
    call('HINCRBY', k_meta, 'pruned', #gone)
    flush()
end

-- The log: ids in the order of submit. Its head goes when its jobs are gone; where few of many are left, those move to
-- `old` ZSET (by submitted_at), so that one job that stays does not keep a million entries.
local head = call('LRANGE', k_log, 0, 999)
if #head > 0 then
    local sparse = call('LLEN', k_log) > 2 * call('HLEN', k_spec) + 10000
    local specs = call('HMGET', k_spec, unpack(head))
    local trimmed, moved = 0, {}
    for n, spec in ipairs(specs) do
        if spec and not sparse then
            break
        end
        if spec then
            local _, submitted = unpack_from('<I4d', spec)
            moved[#moved + 1] = digits(submitted)
            moved[#moved + 1] = head[n]
        end
        trimmed = n
    end
    call_list('ZADD', k_old, moved)
    if trimmed > 0 then
        call('LTRIM', k_log, trimmed, -1)
        call('HINCRBY', k_meta, 'log_trimmed', trimmed)
    end
end

local keys = call('ZRANGEBYSCORE', k_unique_expiry, '-inf', now, 'LIMIT', 0, limit)
for _, field in ipairs(keys) do
    local holder = call('HGET', k_unique, field)
    local expires = holder and unpack_from('<d', holder, 33)
    if expires and expires ~= 0 and expires <= now then
        call('HDEL', k_unique, field)
    end
end
call_list('ZREM', k_unique_expiry, keys)
call('XTRIM', k_events, 'MINID', digits(max(0, now - tonumber(ARGV[6])) + 1))
return #gone
