-- uses: changes
-- keys: log old unique_expiry
-- Accepts jobs of one queue.
--
-- ARGV: 1 now; 2 mode: "0" each for itself, "1" all or none, "2" only say what would be; 3 the number of lanes,
-- then their names, then one argument a job:
--   id c16, lane H (which of the names, from 1), bits B, core (max_attempts H, backoff base and max I4 I4, ms),
--   [bit 1: run_at d], [bit 16: expires_at d, deadline d], [bit 4 or 8: unique field c16, ttl d, body hash c16],
--   [bit 2: dependencies H of them c16, dependencies in other queues that are open H of them c16],
--   [bit 32, for a job that was accepted before and lost: attempt H, crashes B, epoch d, errors as lines, their length
--   I4 before them], the rest, payload.
-- Returns {jobs accepted before this call, verdicts, details}: verdicts is a string with one letter a job: A accepted,
-- D duplicate, C conflict; details has {id, state} for each that is not A, in order.
-- Keeps atomic: an id and a unique key belong to one job; a job is in the structure of its state, counted once.
local mode, lane_count = ARGV[2], tonumber(ARGV[3])
local first = 4 + lane_count

local lanes, kinds = {}, {}
for n = 1, lane_count do
    lanes[n] = lane_number(ARGV[3 + n])
    kinds[n] = string.match(ARGV[3 + n], '^%d\n%d+\n([^\n]*)\n')
end

local ids, fields, with_key, all_plain = {}, {}, {}, true
for at = first, #ARGV do
    local id, _, bits = unpack_from('<c16HB', ARGV[at])
    ids[#ids + 1] = id
    all_plain = all_plain and bits == 0
    if band(bits, UNIQUE + UNIQUE_TTL) ~= 0 then
        local offset = 30 + (band(bits, 1) ~= 0 and 8 or 0) + (band(bits, TIMED) ~= 0 and 16 or 0)
        fields[#fields + 1] = sub(ARGV[at], offset, offset + 15)
        with_key[#ids] = #fields
    end
end
local accepted_before = tonumber(call('HGET', k_meta, 'accepted') or 0)
local taken = #ids > 0 and call('HMGET', k_spec, unpack(ids)) or {}
local holders = #fields > 0 and call('HMGET', k_unique, unpack(fields)) or {}

-- The kind and payload of a stored spec.
local function body(spec)
    local lane, _, flags = unpack_from('<I4dB', spec)
    local at = SPEC_BYTES + 1
    if band(flags, TIMED) ~= 0 then
        at = at + 16
    end
    if band(flags, UNIQUE + UNIQUE_TTL) ~= 0 then
        at = at + 24
    end
    local length = unpack_from('<H', spec, at)
    return lane_info(lane)[3] .. '\0' .. sub(spec, at + 2 + length)
end

local function state_of(id)
    local job = load(id)
    return job and job.st or nil
end

-- Whether a job of this queue is there and has not ended.
local function is_open(id)
    local st = state_of(id)
    return st and not ENDED[st]
end

local new, by_id, by_key, alias = {}, {}, {}, {}
local letters, details, refused = {}, {}, false

-- Reads one argument into a new job.
local function parse_job(n)
    local text = ARGV[first + n - 1]
    local id, lane, bits = unpack_from('<c16HB', text)
    local at = 30
    local job = {
        id = id, kind = kinds[lane], run_at = now, st = 'r', flags = band(bits, UNIQUE + UNIQUE_TTL + TIMED),
        reason = 0, attempt = 0, crashes = 0, epoch = 0, lane = lanes[lane], started = 0, finished = 0, worker = '',
    }
    local parts = {pack('<I4dB', lanes[lane], now, job.flags), sub(text, 20, 29)}
    if band(bits, 1) ~= 0 then
        job.run_at = max(now, (unpack_from('<d', text, at)))
        at = at + 8
    end
    if has(job, TIMED) then
        parts[#parts + 1] = sub(text, at, at + 15)
        at = at + 16
    end
    if with_key[n] then
        job.field, job.ttl = sub(text, at, at + 15), (unpack_from('<d', text, at + 16))
        job.hash = sub(text, at + 24, at + 39)
        parts[#parts + 1] = sub(text, at, at + 23)
        at = at + 40
    end
    job.on = {}
    if band(bits, 2) ~= 0 then
        for list = 1, 2 do
            local length = unpack_from('<H', text, at)
            at = at + 2
            for _ = 1, length do
                local on = sub(text, at, at + 15)
                on = alias[on] or on
                local open = list == 2 or by_id[on] or is_open(on)
                if open and not job.on[on] then
                    job.on[on] = list == 1 and 'here' or 'elsewhere'
                    job.on[#job.on + 1] = on
                end
                at = at + 16
            end
        end
    end
    if band(bits, 32) ~= 0 then
        local length
        job.attempt, job.crashes, job.epoch, length = unpack_from('<HBdI4', text, at)
        at = at + 15
        job.past = sub(text, at, at + length - 1)
        at = at + length
    end
    parts[#parts + 1] = sub(text, at)
    job.spec = concat(parts)
    return job
end

-- Most jobs have no options and meet nobody: their records are their arguments.
local heads, plain_specs, plain_log, plain_lanes = {}, {}, {}, {}
for n, lane in ipairs(lanes) do
    heads[n] = pack('<I4dB', lane, now, 0)
end
local function accept_plain(n, id, text, lane)
    local spec = heads[lane] .. sub(text, 20)
    plain_specs[#plain_specs + 1] = id
    plain_specs[#plain_specs + 1] = spec
    plain_log[#plain_log + 1] = id
    local list = plain_lanes[lane]
    if not list then
        list = {since = now}
        plain_lanes[lane] = list
    end
    list[#list + 1] = id
    by_id[id] = n
    letters[n] = 'A'
end

-- A job of this call, also one that was accepted without being taken apart.
local function of_this_call(id)
    local job = by_id[id]
    if type(job) == 'number' then
        job = parse_job(job)
        by_id[id] = job
    end
    return job
end

-- Decides about one job.
local function decide(n)
    local id, other, same = ids[n], nil, nil
    local job = parse_job(n)
    local holder = with_key[n] and holders[with_key[n]]
    if by_id[id] then
        other = of_this_call(id)
        same = body(other.spec) == body(job.spec)
    elseif taken[n] then
        other, same = {id = id, st = state_of(id)}, body(taken[n]) == body(job.spec)
    elseif job.field and by_key[job.field] then
        other, same = by_key[job.field], by_key[job.field].hash == job.hash
    elseif holder then
        local expires = unpack_from('<d', holder, 33)
        if expires == 0 or expires > now then
            local holder_id = sub(holder, 1, 16)
            other = {id = holder_id, st = state_of(holder_id) or sub(holder, 41, 41)}
            same = sub(holder, 17, 32) == job.hash
        end
    end
    if other then
        letters[n] = same and 'D' or 'C'
        details[#details + 1] = {other.id, other.st}
        refused = refused or not same
        if same and not ENDED[other.st] then
            alias[id] = other.id
        end
        return
    end
    letters[n] = 'A'
    if #job.on > 0 then
        job.st = 'w'
    elseif job.run_at > now then
        job.st = 's'
    end
    by_id[id] = job
    if job.field then
        by_key[job.field] = job
    end
    new[#new + 1] = job
end

for n = 1, #ids do
    if all_plain and not taken[n] and not by_id[ids[n]] then
        local text = ARGV[first + n - 1]
        accept_plain(n, ids[n], text, (unpack_from('<H', text, 17)))
    else
        decide(n)
    end
end

if mode ~= '2' and not (mode == '1' and refused) and #new + #plain_log > 0 then
    local specs, log, waiting = plain_specs, plain_log, {}
    for lane, list in pairs(plain_lanes) do
        local event = 'r\0\0' .. pack('<I4', lanes[lane]) .. '\0'
        for at = 1, #list do
            events[#events + 1] = list[at] .. event
        end
        count('r', lanes[lane], #list)
        back[lanes[lane]] = list
    end
    for _, job in ipairs(new) do
        specs[#specs + 1] = job.id
        specs[#specs + 1] = job.spec
        log[#log + 1] = job.id
        count(job.st, job.lane, 1)
        note_event(job)
        if job.past and job.past ~= '' then
            call('HSET', k_errors, job.id, job.past)
            set(job, NOTED)
        end
        if job.st ~= 'r' or job.past then
            save(job)
        end
        if job.st == 'r' then
            local list = back[job.lane]
            if not list then
                list = {since = now}
                back[job.lane] = list
            end
            list[#list + 1] = job.id
        end
        if job.st == 's' then
            due[#due + 1] = job
        end
        for _, on in ipairs(job.on) do
            if job.on[on] == 'here' then
                waiting[on] = (waiting[on] or '') .. '\0' .. job.id
            end
        end
        if #job.on > 0 then
            call('HSET', k_pending, job.id, concat(job.on))
        end
        if job.field then
            local expires = job.ttl > 0 and now + job.ttl or 0
            call('HSET', k_unique, job.field, job.id .. job.hash .. pack('<d', expires))
            if expires > 0 then
                call('ZADD', k_unique_expiry, digits(expires), job.field)
            end
        end
    end
    call_list('HSET', k_spec, specs)
    for _, job in ipairs(new) do
        if has(job, TIMED) then
            timed[#timed + 1] = job
        end
    end
    for on, text in pairs(waiting) do
        call('HSET', k_deps, on, (call('HGET', k_deps, on) or '') .. text)
    end
    call_list('RPUSH', k_log, log)
    call('HINCRBY', k_meta, 'accepted', #log)
    flush()
end
return {accepted_before, concat(letters), details}
