-- keys: lanes ready ring waits wake running
-- Lanes: the ready jobs of one priority, kind, schema version and tenant, first in, first out.
--
-- `lanes` HASH: n<name> → number, i<number> → name, p<number> → "head tail pass". A name is
-- "<priority>\n<schema version>\n<kind>\n<tenant>"; numbers keep every other record short.
-- `ready` HASH: <number>:<block> → up to 64 ids of 16 bytes. Blocks head…tail exist while the lane has jobs. A job that
-- was cancelled or deleted stays in its block until it is popped and found not to be ready.
-- `ring`  ZSET: lane with jobs → priority × 1e13 + pass. The pass grows as the lane is served, by 100 a job for weight
-- 1: so the first lanes of a priority are those that had least of their share.
-- `waits` ZSET: lane with jobs → since when its first job has been ready, ms.
local BLOCK = 64 * 16
local BAND = 1e13

local lane_infos = {}

-- Returns {priority, version, kind, tenant} of a lane.
local function lane_info(lane)
    local info = lane_infos[lane]
    if not info then
        local name = call('HGET', k_lanes, 'i' .. lane)
        local priority, version, kind, tenant = string.match(name, '^(%d)\n(%d+)\n([^\n]*)\n(.*)$')
        info = {tonumber(priority), tonumber(version), kind, tenant, name}
        lane_infos[lane] = info
    end
    return info
end

-- Returns the number of a lane, new or old.
local function lane_number(name)
    local number = call('HGET', k_lanes, 'n' .. name)
    if not number then
        number = call('HINCRBY', k_lanes, 'count', 1)
        call('HSET', k_lanes, 'n' .. name, number, 'i' .. number, name)
    end
    return tonumber(number)
end

local function lane_position(lane)
    local text = call('HGET', k_lanes, 'p' .. lane)
    if not text then
        return 0, -1, 0
    end
    local head, tail, pass = string.match(text, '^(%S+) (%S+) (%S+)$')
    return tonumber(head), tonumber(tail), tonumber(pass)
end

-- Writes where a lane stands. `since`: when its first job became ready, nil where that has not changed.
local function lane_moved(lane, head, tail, pass, since)
    call('HSET', k_lanes, 'p' .. lane, digits(head) .. ' ' .. digits(tail) .. ' ' .. digits(pass))
    if head > tail then
        call('ZREM', k_ring, lane)
        call('ZREM', k_waits, lane)
    else
        call('ZADD', k_ring, digits(lane_info(lane)[1] * BAND + pass), lane)
        if since then
            call('ZADD', k_waits, digits(since), lane)
        end
    end
end

-- A lane that was empty starts where its priority is, so that it gains nothing by having been away.
local function lane_wakes(lane, pass)
    local first = call('HGET', k_lanes, 'v' .. lane_info(lane)[1])
    return max(pass, tonumber(first or 0))
end

-- Appends ids (a list of 16-byte strings) that became ready at `since`.
local function lane_push_back(lane, ids, since)
    local head, tail, pass = lane_position(lane)
    local was_empty = head > tail
    local block = ''
    if was_empty then
        head, tail, pass = 0, 0, lane_wakes(lane, pass)
    else
        block = call('HGET', k_ready, lane .. ':' .. tail) or ''
    end
    local text = block .. concat(ids)
    local fields = {}
    for at = 1, #text, BLOCK do
        if at > 1 then
            tail = tail + 1
        end
        fields[#fields + 1] = lane .. ':' .. tail
        fields[#fields + 1] = sub(text, at, at + BLOCK - 1)
    end
    call_list('HSET', k_ready, fields)
    lane_moved(lane, head, tail, pass, was_empty and since or nil)
end

-- Puts ids before all others: they have waited their turn already.
local function lane_push_front(lane, ids, since)
    local head, tail, pass = lane_position(lane)
    if head > tail then
        head, tail, pass = 0, -1, lane_wakes(lane, pass)
    end
    local text = concat(ids)
    local blocks = math.ceil(#text / BLOCK)
    head = head - blocks
    local fields = {}
    for n = 0, blocks - 1 do
        fields[#fields + 1] = lane .. ':' .. (head + n)
        fields[#fields + 1] = sub(text, n * BLOCK + 1, (n + 1) * BLOCK)
    end
    call_list('HSET', k_ready, fields)
    lane_moved(lane, head, tail, pass, since)
end

-- Takes up to `most` ids off a lane; what is not ready any more falls away.
local function lane_pop(position, lane, most)
    local ids = {}
    while #ids < most and position.head <= position.tail do
        local field = lane .. ':' .. position.head
        local block = call('HGET', k_ready, field) or ''
        local wanted = most - #ids
        local here = min(wanted, #block / 16)
        for n = 0, here - 1 do
            ids[#ids + 1] = sub(block, n * 16 + 1, n * 16 + 16)
        end
        if here * 16 < #block then
            call('HSET', k_ready, field, sub(block, here * 16 + 1))
        else
            call('HDEL', k_ready, field)
            position.head = position.head + 1
        end
    end
    return ids
end

-- Wakes one worker that waits; it wakes the next where there is more than it takes.
local function wake()
    if call('LLEN', k_wake) == 0 then
        call('RPUSH', k_wake, '1')
    end
end

-- Adds to the running jobs of a lane's scopes.
local function count_running(lane, difference)
    local info = lane_info(lane)
    call('HINCRBY', k_running, 'q', difference)
    call('HINCRBY', k_running, 'k' .. info[3], difference)
    call('HINCRBY', k_running, 't' .. info[4], difference)
end
