-- uses: changes
-- keys: results checkpoints progress rules
-- Stores how attempts ended.
--
-- ARGV: 1 now, 2 most errors kept, 3 jobs that are done and say no more: id c16, epoch d of each, one after the
-- other; then for each other end nine arguments: id, epoch, code, four values, progress, checkpoint ('': unchanged).
--   code c: done, value 1 the result as JSON;                f: failed, values class, error code, message, a random
--   number in [0, 1) for the jitter;                         s: run again at value 1 (ms), not counted;
--   r: released;  x: cancelled.
-- Returns {letters, outbox}: a letter for each, first those of ARGV[3]: its state now, or - where the lease was lost;
-- outbox is 1 where jobs of other queues wait for what ended.
-- Keeps atomic: an end is stored once, and only with the epoch of the present lease.
local max_errors = tonumber(ARGV[2])
local DEAD_REASONS = {permanent = 2, rejected = 6, expired = 5}

local ids, epochs = {}, {}
local done = ARGV[3]
for at = 1, #done, 24 do
    ids[#ids + 1] = sub(done, at, at + 15)
    epochs[#epochs + 1] = sub(done, at + 16, at + 23)
end
local fast = #ids
for at = 4, #ARGV, 9 do
    ids[#ids + 1] = ARGV[at]
    epochs[#epochs + 1] = pack('<d', tonumber(ARGV[at + 1]))
end

local function fail(job, class, code, message, random)
    record_error(job, class, code, message, max_errors)
    local _, _, _, max_attempts, base, most = unpack_from(SPEC, call('HGET', k_spec, job.id))
    local last = job.attempt >= max_attempts
    local reason = DEAD_REASONS[class] or (last and (class == 'timeout' and 4 or 1))
    if reason then
        kill(job, reason)
    elseif has(job, CANCEL) then
        enter(job, 'x')
    else
        -- Exponential, capped, with full jitter: see retry.rs.
        local bound = min(most, base * 2 ^ min(job.attempt - 1, 63))
        job.run_at = now + floor(random * (bound + 1))
        enter(job, 't')
    end
end

local function complete(job)
    local sum = ran[job.lane]
    if not sum then
        sum = {0, 0}
        ran[job.lane] = sum
    end
    sum[1], sum[2] = sum[1] + max(0, now - job.started), sum[2] + 1
    enter(job, 'c')
end

local function keep(key, job, text)
    if text ~= '' then
        call('HSET', key, job.id, text)
        set(job, NOTED)
    end
end

local function end_attempt(job, at)
    local code, value = ARGV[at + 2], ARGV[at + 3]
    keep(k_progress, job, ARGV[at + 7])
    keep(k_checkpoints, job, ARGV[at + 8])
    if code == 'c' then
        keep(k_results, job, value)
        complete(job)
    elseif code == 'f' then
        fail(job, value, ARGV[at + 4], ARGV[at + 5], tonumber(ARGV[at + 6]))
    elseif code == 'x' or has(job, CANCEL) then
        -- What is left of a cancelled job would run again only to be told to stop.
        enter(job, 'x')
    elseif code == 's' then
        job.attempt = max(0, job.attempt - 1)
        job.run_at = max(now, tonumber(value))
        enter(job, 's')
    else
        job.attempt = max(0, job.attempt - 1)
        enter(job, 'r', true)
    end
end

-- The common end, on the bytes: done, nothing to keep, no key, no limit in time.
local waited_for = call('EXISTS', k_deps) == 1
local many, run_ms = {}, {}
local function complete_plain(id, text)
    local lane = sub(text, 15, 18)
    many[lane] = (many[lane] or 0) + 1
    run_ms[lane] = (run_ms[lane] or 0) + now - unpack_from('<d', text, 27)
    states[#states + 1] = id
    states[#states + 1] = concat({'c', sub(text, 2, 34), now_8})
    ended.c[#ended.c + 1] = id .. now_8
    leases_gone[#leases_gone + 1] = id
    events[#events + 1] = concat({id, 'c', sub(text, 4, 5), lane, '\0'})
    if waited_for then
        settled[#settled + 1] = id
    end
end

local letters = {}
local texts = #ids > 0 and call('HMGET', k_state, unpack(ids)) or {}
local seen = {}
for n = 1, #ids do
    local id, text = ids[n], texts[n]
    local before = seen[id]
    if before then
        letters[n] = sub(before, 7, 14) == epochs[n] and sub(before, 1, 1) or '-'
    elseif not text or sub(text, 7, 14) ~= epochs[n] then
        letters[n] = '-'
    elseif byte(text, 1) ~= 82 then -- R
        letters[n] = sub(text, 1, 1)
    elseif n <= fast and band(byte(text, 2), UNIQUE + UNIQUE_TTL + TIMED) == 0 then
        complete_plain(id, text)
        seen[id] = states[#states]
        letters[n] = 'c'
    else
        local job = read_state(id, text)
        if n <= fast then
            complete(job)
        else
            end_attempt(job, 4 + 9 * (n - fast - 1))
        end
        save(job)
        seen[id] = states[#states]
        letters[n] = job.st
    end
end
for raw, ended_here in pairs(many) do
    local lane = unpack_from('<I4', raw)
    count('R', lane, -ended_here)
    count('c', lane, ended_here)
    running[lane] = (running[lane] or 0) - ended_here
    local sum = ran[lane] or {0, 0}
    ran[lane] = {sum[1] + max(0, run_ms[raw]), sum[2] + ended_here}
end
flush()
if call('EXISTS', k_rules) == 1 and call('EXISTS', k_ring) == 1 then
    wake() -- a limit may have been freed
end
return {concat(letters), call('EXISTS', k_outbox)}
