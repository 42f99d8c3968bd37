-- uses: changes
-- Makes a job that is ready or waits for its time run at an instant and not before.
--
-- ARGV: 1 now, 2 id, 3 the instant, ms; one that has passed is due at once.
-- Returns the job's state, ! before it where that does not allow a snooze, '' where there is no such job.
-- Keeps atomic: a job is in the structure of its state. A job that was ready stays in its block until it is popped there.
local job = load(ARGV[2])
if not job then
    return ''
end
if job.st ~= 'r' and job.st ~= 's' and job.st ~= 't' then
    return '!' .. job.st
end
job.run_at = max(now, tonumber(ARGV[3]))
if job.st == 's' then
    due[#due + 1] = job
else
    enter(job, 's')
end
save(job)
flush()
return job.st
