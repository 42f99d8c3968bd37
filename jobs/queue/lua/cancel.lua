-- uses: changes
-- Ends a job that does not run; asks for the end of one that does.
--
-- ARGV: 1 now, 2 id.
-- Returns {letter, outbox}: the job's state now, ! before it where that state does not allow a cancel, or '' where
-- there is no such job.
local job = load(ARGV[2])
if not job then
    return {'', 0}
end
if job.st == 'c' or job.st == 'd' then
    return {'!' .. job.st, 0}
end
if job.st == 'R' then
    set(job, CANCEL)
    call('HSET', k_state, job.id, write_state(job))
elseif job.st ~= 'x' then
    enter(job, 'x')
    save(job)
    flush()
end
return {job.st, call('EXISTS', k_outbox)}
