-- uses: changes
-- keys: results checkpoints progress rules buckets
-- Leases jobs that may run now: by priority; within a priority, lanes (tenant and kind) by their share; within a lane
-- by age. Promotes what is due first, so a worker that waits for the next instant needs no second call.
--
-- ARGV: 1 now, 2 worker, 3 free slots (at most 1,000), 4 lease ms, 5 patience ms (starvation guard), 6 how many kinds,
-- then kind and newest known schema version of each.
-- Returns {ms until something may become ready; ms until a sweep may have something to do, -1 for never, -2 for both where
-- that was not looked for; lanes as number and name; jobs as one string, each
-- id c16, length of the state H, state, length of the spec I4, spec; notes of jobs that have any: id, errors,
-- checkpoint, progress}.
-- Keeps atomic: a job is leased to one worker; caps and rates hold; the attempt counts from here.
local STARVATION_SHARE = 8
local worker, free, lease = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local known = {}
for at = 7, 6 + 2 * tonumber(ARGV[6]), 2 do
    known[ARGV[at]] = tonumber(ARGV[at + 1])
end

-- Most workers that look have nothing to find: one command says so.
if call('EXISTS', k_due, k_ring, k_kill) == 0 then
    return {-1, until_first_of({k_leases}), {}, '', {}}
end

local come_due = call('ZRANGEBYSCORE', k_due, '-inf', now, 'LIMIT', 0, 200)
if #come_due > 0 then
    for _, job in ipairs(load_many(come_due)) do
        enter(job, 'r')
        save(job)
    end
    flush()
end

-- Limits. `rules` HASH: q, k<kind>, t<tenant> → "paused concurrency rate burst weight", - for none.
local rules, limited = {}, false
local flat = call('HGETALL', k_rules)
for at = 1, #flat, 2 do
    local paused, most, rate, burst, weight = string.match(flat[at + 1], '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
    rules[flat[at]] = {paused == '1', tonumber(most), tonumber(rate), tonumber(burst), tonumber(weight)}
    limited = true
end
local room, tokens, next_token = {}, {}, huge

-- How many more jobs a scope may start now.
local function room_in(scope)
    local left = room[scope]
    if left then
        return left
    end
    local rule = rules[scope]
    left = huge
    if rule then
        if rule[1] then
            left = 0
        else
            if rule[2] then
                left = max(0, rule[2] - tonumber(call('HGET', k_running, scope) or 0))
            end
            if rule[3] then
                local capacity = rule[4] > 0 and rule[4] or max(1, rule[3])
                local level, at = capacity, now
                local stored = call('HGET', k_buckets, scope)
                if stored then
                    level, at = string.match(stored, '^(%S+) (%S+)$')
                    level = min(capacity, tonumber(level) + max(0, now - tonumber(at)) / 1000 * rule[3])
                end
                tokens[scope] = level
                left = min(left, floor(level + 1e-9))
                if level < 1 then
                    next_token = min(next_token, math.ceil((1 - level) / rule[3] * 1000))
                end
            end
        end
    end
    room[scope] = left
    return left
end

local function room_for(lane)
    if not limited then
        return huge
    end
    local info = lane_info(lane)
    return min(room_in('q'), room_in('k' .. info[3]), room_in('t' .. info[4]))
end

local function take_room(lane, taken)
    if not limited then
        return
    end
    local info = lane_info(lane)
    for _, scope in ipairs({'q', 'k' .. info[3], 't' .. info[4]}) do
        room[scope] = room_in(scope) - taken
        if tokens[scope] then
            tokens[scope] = tokens[scope] - taken
        end
    end
end

local out, noted, expiries, lanes_out, got = {}, {}, {}, {}, 0
-- A job that left its lane and came back (cancelled or snoozed, then ready again; deleted, then submitted again) stands in
-- it twice, and both places may be popped by one call.
local leased_here = {}
local expires_at = digits(now + lease)
local FRESH = '\0\1\0\0' .. pack('<d', 1) -- no reason, first attempt, no crash, first epoch
local begun = now_8 .. string.rep('\0', 8) .. worker
local text_bytes = pack('<H', 42 + #worker)

local function may_start(job, spec)
    if job.st ~= 'r' then
        return false
    end
    if not has(job, TIMED) or has(job, LIFTED) then
        return true
    end
    local expires, deadline = unpack_from('<dd', spec, SPEC_BYTES + 1)
    return (deadline == 0 or deadline > now) and (expires == 0 or job.started ~= 0 or expires > now)
end

-- Leases jobs of one lane, at most `most`; returns how many.
local function serve(lane, most)
    local head, tail, pass = lane_position(lane)
    local position = {head = head, tail = tail}
    local info = lane_info(lane)
    local taken = 0
    while taken < most and position.head <= position.tail do
        local ids = lane_pop(position, lane, most - taken)
        local specs = call('HMGET', k_spec, unpack(ids))
        local texts = call('HMGET', k_state, unpack(ids))
        for n = 1, #ids do
            local id, spec = ids[n], specs[n]
            if spec and leased_here[id] then
                spec = nil
            end
            if spec and not texts[n] and band(byte(spec, 13), TIMED) == 0 then
                local text = concat({'R', sub(spec, 13, 13), FRESH, sub(spec, 1, 12), begun})
                states[#states + 1] = id
                states[#states + 1] = text
                expiries[#expiries + 1] = expires_at
                expiries[#expiries + 1] = id
                out[#out + 1] = id
                out[#out + 1] = text_bytes
                out[#out + 1] = text
                out[#out + 1] = pack('<I4', #spec)
                out[#out + 1] = spec
                events[#events + 1] = id .. 'R\1\0' .. sub(spec, 1, 4) .. '\0'
                leased_here[id] = true
                taken = taken + 1
            elseif spec then
                local job = texts[n] and read_state(id, texts[n]) or read_fresh(id, spec)
                if may_start(job, spec) then
                    job.st, job.worker, job.started = 'R', worker, now
                    job.attempt, job.epoch = job.attempt + 1, job.epoch + 1
                    local text = write_state(job)
                    states[#states + 1] = id
                    states[#states + 1] = text
                    expiries[#expiries + 1] = expires_at
                    expiries[#expiries + 1] = id
                    out[#out + 1] = id .. pack('<H', #text) .. text .. pack('<I4', #spec) .. spec
                    if has(job, TIMED) then
                        timed[#timed + 1] = job
                    end
                    if has(job, NOTED) then
                        noted[#noted + 1] = id
                    end
                    note_event(job)
                    leased_here[id] = true
                    taken = taken + 1
                end
            end
        end
    end
    local weight = rules['t' .. info[4]] and rules['t' .. info[4]][5] or 1
    call('HSET', k_lanes, 'v' .. info[1], digits(pass))
    lane_moved(lane, position.head, position.tail, pass + taken * floor(100 / weight),
        ready_since(position, lane))
    if taken > 0 then
        count('r', lane, -taken)
        count('R', lane, taken)
        running[lane] = (running[lane] or 0) + taken
        take_room(lane, taken)
        if not lanes_out[lane] then
            lanes_out[lane] = info[5]
        end
        got = got + taken
    end
    return taken
end

local function can_run(lane)
    local info = lane_info(lane)
    return known[info[3]] and known[info[3]] >= info[2]
end

-- Every eighth job is the one that has waited longest, if that was too long.
local fetched = tonumber(call('HGET', k_meta, 'fetched') or 0)
local starving = floor((fetched + free) / STARVATION_SHARE) - floor(fetched / STARVATION_SHARE)
if starving > 0 then
    local oldest = call('ZRANGEBYSCORE', k_waits, '-inf', now - tonumber(ARGV[5]), 'LIMIT', 0, 16)
    for _, lane in ipairs(oldest) do
        lane = tonumber(lane)
        while starving > 0 and can_run(lane) and room_for(lane) > 0 and serve(lane, 1) > 0 do
            starving = starving - 1
            local since = call('ZSCORE', k_waits, lane)
            if not since or tonumber(since) > now - tonumber(ARGV[5]) then
                break
            end
        end
    end
end

-- Serves lanes of one priority until nothing is left of them or of the slots: in rounds, each lane a share of what is
-- free by its weight.
local function serve_lanes(lanes)
    while #lanes > 0 and got < free do
        local quantum = max(1, floor((free - got) / #lanes))
        local still = {}
        for _, lane in ipairs(lanes) do
            local weight = rules['t' .. lane_info(lane)[4]] and rules['t' .. lane_info(lane)[4]][5] or 1
            local most = min(free - got, max(1, floor(quantum * weight)), room_for(lane))
            if most > 0 and serve(lane, most) >= most then
                still[#still + 1] = lane
            end
        end
        lanes = still
    end
end

-- The rest by priority, then by share: the first 50 lanes of a priority, and where they do not fill the slots the
-- first 1,000.
for priority = 0, 3 do
    local seen = {}
    for _, most in ipairs({50, 1000}) do
        if got >= free then
            break
        end
        local lanes = call('ZRANGEBYSCORE', k_ring, digits(priority * BAND), '(' .. digits((priority + 1) * BAND),
            'LIMIT', 0, most)
        local open = {}
        for _, lane in ipairs(lanes) do
            lane = tonumber(lane)
            if not seen[lane] then
                seen[lane] = true
                if can_run(lane) and room_for(lane) > 0 then
                    open[#open + 1] = lane
                end
            end
        end
        serve_lanes(open)
        if #lanes < most then
            break
        end
    end
end

local until_ready, until_sweep = -2, -2
if got > 0 then
    if call('EXISTS', k_leases) == 0 then
        call('ZADD', k_leases, '+inf', SENTINEL)
    end
    call_list('ZADD', k_leases, expiries)
    call('HINCRBY', k_meta, 'fetched', got)
    for scope, level in pairs(tokens) do
        call('HSET', k_buckets, scope, string.format('%.6f %.0f', level, now))
    end
    flush()
end
if got == free then
    if call('EXISTS', k_ring) == 1 then
        wake() -- for another worker: there may be more
    end
else
    until_sweep = until_next_due()
    until_ready = until_first_of({k_due})
    if next_token < huge then
        until_ready = until_ready < 0 and next_token or min(until_ready, next_token)
    end
end

local lanes_flat, notes = {}, {}
for lane, name in pairs(lanes_out) do
    lanes_flat[#lanes_flat + 1] = lane
    lanes_flat[#lanes_flat + 1] = name
end
for _, id in ipairs(noted) do
    notes[#notes + 1] = {id, call('HGET', k_errors, id), call('HGET', k_checkpoints, id), call('HGET', k_progress, id)}
end
return {until_ready, until_sweep, lanes_flat, concat(out), notes}
