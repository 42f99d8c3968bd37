-- uses: changes
-- Says how many ready jobs come before one: those of more urgent priority, and those before it in its lane.
--
-- ARGV: 1 now, 2 id.
-- Returns {how many, 1 where that is exact and 0 for an estimate}; nothing where the job is not ready.
-- Up to 1,000 lanes and 1,000 blocks are looked at. What left its place but not its block (cancelled, snoozed) is told
-- from what waits among the first 1,000 jobs only.
local job = load(ARGV[2])
if not job or job.st ~= 'r' then
    return {}
end
local ahead, exact = 0, 1
local priority = lane_info(job.lane)[1]
local lanes = call('ZRANGEBYSCORE', k_ring, '-inf', '(' .. digits(priority * BAND), 'LIMIT', 0, 1001)
if #lanes > 1000 then
    lanes[1001], exact = nil, 0
end
if #lanes > 0 then
    for n, lane in ipairs(lanes) do
        lanes[n] = 'r' .. lane
    end
    for _, length in ipairs(call('HMGET', k_counts, unpack(lanes))) do
        ahead = ahead + max(0, tonumber(length or 0))
    end
end

local head, tail = lane_position(job.lane)
local before, passed, found = 0, {}, false
for first = head, min(tail, head + 999), 100 do
    local fields = {}
    for block = first, min(tail, head + 999, first + 99) do
        fields[#fields + 1] = job.lane .. ':' .. block
    end
    for _, block in ipairs(call('HMGET', k_ready, unpack(fields))) do
        block = block or ''
        for at = 1, #block, 16 do
            local id = sub(block, at, at + 15)
            if id == job.id then
                found = true
                break
            end
            before = before + 1
            if before <= 1000 then
                passed[before] = id
            end
        end
        if found then
            break
        end
    end
    if found then
        break
    end
end
if not found then
    local length = tonumber(call('HGET', k_counts, 'r' .. job.lane) or 0)
    before, exact = max(before, floor((before + length) / 2)), 0
elseif before > 1000 then
    exact = 0
else
    local seen = {}
    for _, other in ipairs(load_many(passed)) do
        if not other or other.st ~= 'r' or seen[other.id] then
            before = before - 1
        else
            seen[other.id] = true
        end
    end
end
return {ahead + before, exact}
