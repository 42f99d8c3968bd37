-- uses: lanes
-- keys: spec state leases due kill completed cancelled dead counts meta events unique deps pending errors outbox
-- Jobs and how they change. A verb loads jobs, moves them by `enter`, saves them, and calls `flush` once: it writes
-- what was collected, one command a structure.
--
-- `spec`  HASH: id → what was submitted, never changed:
--         lane I4, submitted_at d, flags B, max_attempts H, backoff base and max I4 I4 (ms),
--         [timed: expires_at d, deadline d (0: none)], [unique: field c16, ttl d (0: until done)],
--         length of the rest as JSON H, the rest, the payload as JSON.
-- `state` HASH: id → what changes: state c1, flags B, reason B, attempt H, crashes B, epoch d, lane I4,
--         run_at d, started_at d, finished_at d, worker. A job without one is ready and was never fetched.
-- States: s scheduled, w waiting, r ready, R running, t retrying, c completed, x cancelled, d dead.
-- Places in a state, from 1: state 1, flags 2, attempt 4–5, epoch 7–14, lane 15–18, run_at 19–26, started_at 27–34,
-- finished_at 35–42. The first 12 bytes of a spec are laid out as lane and run_at are: what most jobs go through
-- (fetch, completion) is done on the bytes, without taking the record apart.
local SPEC, STATE = '<I4dBHI4I4', '<c1BBHBdI4ddd'
local SPEC_BYTES = 23
local CANCEL, LIFTED, UNIQUE, UNIQUE_TTL, TIMED, NOTED = 1, 2, 4, 8, 16, 32
local EXPIRED, CRASHED = 5, 3
local ENDED = {c = k_completed, x = k_cancelled, d = k_dead}

-- A member that is never due, longer than Redis keeps in a packed list: so `leases` is a skip list from its first job,
-- and adding to it costs the same for one job as for a thousand.
local SENTINEL = string.rep('~', 65)
local now_8 = pack('<d', now)

local loaded = {}
local states, events, counts, ran = {}, {}, {}, {}
local running, leases_gone, due, due_gone, timed = {}, {}, {}, {}, {}
local ended = {c = {}, x = {}, d = {}}
local back, front, settled = {}, {}, {}

local function read_state(id, text)
    local st, flags, reason, attempt, crashes, epoch, lane, run_at, started, finished, at = unpack_from(STATE, text)
    return {
        id = id, st = st, flags = flags, reason = reason, attempt = attempt, crashes = crashes, epoch = epoch,
        lane = lane, run_at = run_at, started = started, finished = finished, worker = sub(text, at),
    }
end

local function read_fresh(id, spec)
    local lane, submitted, flags = unpack_from('<I4dB', spec)
    return {
        id = id, st = 'r', flags = flags, reason = 0, attempt = 0, crashes = 0, epoch = 0,
        lane = lane, run_at = submitted, started = 0, finished = 0, worker = '',
    }
end

local function write_state(job)
    return pack(STATE, job.st, job.flags, job.reason, job.attempt, job.crashes, job.epoch, job.lane,
        job.run_at, job.started, job.finished) .. job.worker
end

-- Returns a job, or nil. A job that this script has changed comes as it is now.
local function load(id)
    local job = loaded[id]
    if job then
        return job
    end
    local text = call('HGET', k_state, id)
    if text then
        job = read_state(id, text)
    else
        local spec = call('HGET', k_spec, id)
        if not spec then
            return nil
        end
        job = read_fresh(id, spec)
    end
    loaded[id] = job
    return job
end

-- Returns jobs by position, false where there is none.
local function load_many(ids)
    local jobs = {}
    if #ids == 0 then
        return jobs
    end
    local texts = call('HMGET', k_state, unpack(ids))
    for n, id in ipairs(ids) do
        local job = loaded[id]
        if not job and texts[n] then
            job = read_state(id, texts[n])
            loaded[id] = job
        end
        jobs[n] = job or load(id) or false
    end
    return jobs
end

-- Returns since when the first job of a lane has been ready, nil for unknown.
local function ready_since(position, lane)
    if position.head > position.tail then
        return nil
    end
    local first = load(sub(call('HGET', k_ready, lane .. ':' .. position.head) or '', 1, 16))
    return first and first.run_at
end

local function save(job)
    states[#states + 1] = job.id
    states[#states + 1] = write_state(job)
end

local function has(job, flag)
    return band(job.flags, flag) ~= 0
end

local function set(job, flag)
    job.flags = bor(job.flags, flag)
end

local function clear(job, flag)
    job.flags = band(job.flags, bnot(flag))
end

local function count(state, lane, difference)
    local field = state .. lane
    counts[field] = (counts[field] or 0) + difference
end

local function note_event(job)
    events[#events + 1] = pack('<c16c1HI4B', job.id, job.st, job.attempt, job.lane, job.reason)
end

-- Gives the unique key of a job that has ended back, or notes how it ended.
local function release_unique(job)
    local spec = call('HGET', k_spec, job.id)
    local field = sub(spec, SPEC_BYTES + (has(job, TIMED) and 17 or 1), SPEC_BYTES + (has(job, TIMED) and 32 or 16))
    local holder = call('HGET', k_unique, field)
    if holder and sub(holder, 1, 16) == job.id then
        if has(job, UNIQUE) then
            call('HDEL', k_unique, field)
        else
            call('HSET', k_unique, field, sub(holder, 1, 40) .. job.st)
        end
    end
end

-- Moves a job to a state. `to_front`: a ready job goes before those that wait.
local function enter(job, st, to_front)
    local from = job.st
    count(from, job.lane, -1)
    count(st, job.lane, 1)
    if from == 'R' then
        leases_gone[#leases_gone + 1] = job.id
        running[job.lane] = (running[job.lane] or 0) - 1
        job.worker = ''
    elseif from == 's' or from == 't' then
        due_gone[#due_gone + 1] = job.id
    elseif from == 'w' then
        call('HDEL', k_pending, job.id)
    end
    job.st, job.finished = st, 0
    if st ~= 'd' then
        job.reason = 0
    end
    if ENDED[st] then
        job.finished = now
        local list = ended[st]
        list[#list + 1] = job.id .. now_8
        settled[#settled + 1] = job.id
        if band(job.flags, UNIQUE + UNIQUE_TTL) ~= 0 then
            release_unique(job)
        end
    elseif st == 'r' then
        local lists = to_front and front or back
        local list = lists[job.lane]
        if not list then
            list = {since = job.run_at}
            lists[job.lane] = list
        end
        list[#list + 1] = job.id
        list.since = min(list.since, job.run_at)
    elseif st == 's' or st == 't' then
        due[#due + 1] = job
    elseif st == 'R' then
        running[job.lane] = (running[job.lane] or 0) + 1
    end
    if has(job, TIMED) then
        timed[#timed + 1] = job
    end
    note_event(job)
end

local function kill(job, reason)
    job.reason = reason
    enter(job, 'd')
end

-- When a job dies unless it runs: `expires_at` counts until it first started. nil: never.
local function dies_at(job)
    if has(job, LIFTED) or not has(job, TIMED) then
        return nil
    end
    local spec = call('HGET', k_spec, job.id)
    local expires, deadline = unpack_from('<dd', spec, SPEC_BYTES + 1)
    if job.started ~= 0 then
        expires = 0
    end
    if expires == 0 or deadline == 0 then
        local at = expires + deadline
        return at ~= 0 and at or nil, deadline ~= 0 and deadline <= now
    end
    return min(expires, deadline), deadline <= now
end

-- Adds to a job's bounded list of errors: JSON objects, one a line, the newest last.
local function record_error(job, class, code, message, max_errors)
    local line = cjson.encode({
        a = job.attempt, c = class, e = code, m = message, w = job.worker ~= '' and job.worker or nil, t = digits(now),
    })
    local text = call('HGET', k_errors, job.id)
    text = text and text .. '\n' .. line or line
    local _, breaks = string.gsub(text, '\n', '')
    while breaks + 1 > max_errors do
        text = sub(text, string.find(text, '\n', 1, true) + 1)
        breaks = breaks - 1
    end
    call('HSET', k_errors, job.id, text)
    set(job, NOTED)
end

-- Strikes `on` off what a job waits for; the last one lets it go.
local function unblock(id, on)
    local pending = call('HGET', k_pending, id)
    if not pending then
        return
    end
    local left = {}
    for at = 1, #pending, 16 do
        local other = sub(pending, at, at + 15)
        if other ~= on then
            left[#left + 1] = other
        end
    end
    if #left > 0 then
        call('HSET', k_pending, id, concat(left))
        return
    end
    local job = load(id)
    if job and job.st == 'w' then
        if job.run_at > now then
            enter(job, 's')
        else
            job.run_at = now
            enter(job, 'r')
        end
        save(job)
    end
end

-- Tells the jobs that waited for what has ended: at most 1,000 here; the rest, and those of other queues, by `outbox`.
-- `deps` HASH: id → who waits for it, each as length of the queue's name B (0: this queue), the name, id c16.
-- `outbox` LIST: the same, followed by the id that has ended.
local function settle_dependants()
    local budget = 1000
    while #settled > 0 do
        local ids = settled
        settled = {}
        if call('HLEN', k_deps) == 0 then
            return
        end
        for first = 1, #ids, 1000 do
            local waiting = call('HMGET', k_deps, unpack(ids, first, min(first + 999, #ids)))
            for n, text in ipairs(waiting) do
                local on = ids[first + n - 1]
                local at, letters = 1, {}
                while text and at <= #text do
                    local length = byte(text, at)
                    local after = at + length + 17
                    if length == 0 and budget > 0 then
                        budget = budget - 1
                        unblock(sub(text, at + 1, at + 16), on)
                    else
                        letters[#letters + 1] = sub(text, at, after - 1) .. on
                    end
                    at = after
                end
                if text then
                    call('HDEL', k_deps, on)
                end
                call_list('RPUSH', k_outbox, letters)
            end
        end
    end
end

-- `events` STREAM: ms-n of the first of its events → e: each id c16, state c1, attempt H, lane I4, reason B; t: when it
-- happened. The ms of the place is that or, where a reader has closed it, later.
local function write_events()
    if #events == 0 then
        return
    end
    local last = call('HMGET', k_meta, 'event_ms', 'event_n')
    local ms, n = tonumber(last[1] or 0), tonumber(last[2] or 0)
    if now > ms then
        ms, n = now, 0
    elseif n + #events >= 16384 then
        ms, n = ms + 1, 0
    end
    call('XADD', k_events, 'MAXLEN', '~', '10000', digits(ms) .. '-' .. (n + 1), 'e', concat(events), 't', digits(now))
    call('HSET', k_meta, 'event_ms', digits(ms), 'event_n', n + #events)
    events = {}
end

-- Moves the average run time of kinds, weight 1/10 for what is new.
local function write_run_times()
    for lane, sum in pairs(ran) do
        local field = 'run:' .. lane_info(lane)[3]
        local before = call('HGET', k_meta, field)
        local average, samples = sum[1] / sum[2], sum[2]
        if before then
            local was, n = string.match(before, '^(%S+) (%S+)$')
            was, n = tonumber(was), tonumber(n)
            average = was + (average - was) / min(10, n + 1)
            samples = n + samples
        end
        call('HSET', k_meta, field, string.format('%.3f %.0f', average, samples))
    end
    ran = {}
end

local function write_times()
    call_list('ZREM', k_leases, leases_gone)
    call_list('ZREM', k_due, due_gone)
    local list = {}
    for _, job in ipairs(due) do
        if job.st == 's' or job.st == 't' then
            list[#list + 1] = digits(job.run_at)
            list[#list + 1] = job.id
        end
    end
    call_list('ZADD', k_due, list)
    if #list > 0 then
        -- Whoever waits has to know that it must not wait that long any more.
        local first = call('ZRANGE', k_due, 0, 0)[1]
        for n = 2, #list, 2 do
            if list[n] == first then
                wake()
                break
            end
        end
    end
    for _, job in ipairs(timed) do
        local at = not ENDED[job.st] and job.st ~= 'R' and dies_at(job)
        if at then
            call('ZADD', k_kill, digits(at), job.id)
        else
            call('ZREM', k_kill, job.id)
        end
    end
    leases_gone, due_gone, due, timed = {}, {}, {}, {}
end

-- Returns in how many ms the first of some structures is due, -1 where they are empty.
local function until_first_of(keys)
    local at = huge
    for _, key in ipairs(keys) do
        local first = call('ZRANGEBYSCORE', key, '-inf', '(inf', 'WITHSCORES', 'LIMIT', 0, 1)
        if #first > 0 then
            at = min(at, tonumber(first[2]) - now)
        end
    end
    return at < huge and max(0, at) or -1
end

-- Returns in how many ms a sweep may have something to do, -1 for nothing known.
local function until_next_due()
    return until_first_of({k_due, k_kill, k_leases})
end

-- Writes everything that was collected.
local function flush()
    settle_dependants()
    call_list('HSET', k_state, states)
    write_times()
    for st, list in pairs(ended) do
        call_list('RPUSH', ENDED[st], list)
        ended[st] = {}
    end
    for field, difference in pairs(counts) do
        if difference ~= 0 then
            call('HINCRBY', k_counts, field, difference)
        end
    end
    for lane, difference in pairs(running) do
        if difference ~= 0 then
            count_running(lane, difference)
        end
    end
    local woken = false
    for lane, ids in pairs(front) do
        lane_push_front(lane, ids, ids.since)
        woken = true
    end
    for lane, ids in pairs(back) do
        lane_push_back(lane, ids, ids.since)
        woken = true
    end
    if woken then
        wake()
    end
    write_events()
    write_run_times()
    states, counts, running, front, back = {}, {}, {}, {}, {}
end
