-- uses: jobs
-- keys: spec state leases due kill completed cancelled dead counts meta events deps pending outbox
-- What follows from the changes that jobs.lua collected, and writing all of it, one command a structure.
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
