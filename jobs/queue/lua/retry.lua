-- uses: changes
-- keys: results progress
-- Makes an ended job run again, with fresh attempts, or one that waits for its time run now.
--
-- ARGV: 1 now, 2 id, 3 the field of its unique key, '' without; 4 the hash of its body.
-- Returns the job's state, ! before it where that does not allow a retry, # where another job holds its unique key,
-- '' where there is no such job.
local job = load(ARGV[2])
if not job then
    return ''
end
if job.st == 'r' or job.st == 'R' or job.st == 'w' then
    return '!' .. job.st
end
if ENDED[job.st] then
    if has(job, UNIQUE) then
        local holder = call('HGET', k_unique, ARGV[3])
        if holder then
            local expires = unpack_from('<d', holder, 33)
            if expires == 0 or expires > now then
                return '#'
            end
        end
        call('HSET', k_unique, ARGV[3], job.id .. ARGV[4] .. pack('<d', 0))
    elseif has(job, UNIQUE_TTL) then
        local holder = call('HGET', k_unique, ARGV[3])
        if holder and sub(holder, 1, 16) == job.id then
            call('HSET', k_unique, ARGV[3], sub(holder, 1, 40))
        end
    end
    -- Its errors and its checkpoint stay; a limit in time that has made it end, or would at once, does not.
    job.attempt, job.crashes, job.started = 0, 0, 0
    clear(job, CANCEL)
    set(job, LIFTED)
    call('HDEL', k_results, job.id)
    call('HDEL', k_progress, job.id)
end
job.run_at = now
enter(job, 'r')
save(job)
flush()
return job.st
