-- uses: changes
-- keys: results checkpoints progress old
-- Deletes a job that has ended, before its retention is over.
--
-- ARGV: 1 now, 2 id.
-- Returns the job's state, ! before it where it has not ended, '' where there is no such job.
-- Keeps atomic: what is deleted is counted as pruned. Its entries in the log and among the ended jobs fall away when they
-- are read; a key that outlives it notes how it ended already.
local job = load(ARGV[2])
if not job then
    return ''
end
if not ENDED[job.st] then
    return '!' .. job.st
end
count(job.st, job.lane, -1)
for _, key in ipairs({k_spec, k_state, k_errors, k_results, k_checkpoints, k_progress, k_deps}) do
    call('HDEL', key, job.id)
end
call('ZREM', k_old, job.id)
call('HINCRBY', k_meta, 'pruned', 1)
flush()
return job.st
