-- uses: changes
-- Gives back what a worker was leased and knows nothing of: the answer to its fetch was lost. Such a job never started,
-- so neither an attempt nor a crash is charged.
--
-- ARGV: 1 now, 2 worker, 3 ids that it knows, c16 each, one after the other; 4 rank of the first lease to look at.
-- Returns {rank to go on from (-1: that was all), given back, outbox}.
local known = {}
for at = 1, #ARGV[3], 16 do
    known[sub(ARGV[3], at, at + 15)] = true
end
local first = tonumber(ARGV[4])
local ids = call('ZRANGE', k_leases, first, first + 999)
local given = 0
for _, job in ipairs(load_many(ids)) do
    if job and job.st == 'R' and job.worker == ARGV[2] and not known[job.id] then
        job.attempt = max(0, job.attempt - 1)
        if has(job, CANCEL) then
            enter(job, 'x')
        else
            enter(job, 'r', true)
        end
        save(job)
        given = given + 1
    end
end
flush()
return {#ids == 1000 and first + 1000 - given or -1, given, call('EXISTS', k_outbox)}
