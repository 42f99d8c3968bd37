-- uses: lanes
-- keys: spec state completed cancelled dead unique pending errors
-- Jobs and how they change. A verb loads jobs, moves them by `enter`, saves them, and calls `flush` (changes.lua) once.
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
