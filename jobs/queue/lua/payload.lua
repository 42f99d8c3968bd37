-- uses: changes
-- Gives a dead job another payload.
--
-- ARGV: 1 now, 2 id, 3 the payload as JSON, 4 the field of its unique key, '' without; 5 the hash of its new body.
-- Returns the job's state, ! before it where it is not dead, '' where there is no such job.
-- Keeps atomic: the payload and the body that its unique key, where it still has one, is compared by.
local job = load(ARGV[2])
if not job then
    return ''
end
if job.st ~= 'd' then
    return '!' .. job.st
end
local spec = call('HGET', k_spec, job.id)
local at = SPEC_BYTES + 1
if has(job, TIMED) then
    at = at + 16
end
if band(job.flags, UNIQUE + UNIQUE_TTL) ~= 0 then
    at = at + 24
end
local length = unpack_from('<H', spec, at)
call('HSET', k_spec, job.id, sub(spec, 1, at + 1 + length) .. ARGV[3])
if ARGV[4] ~= '' then
    local holder = call('HGET', k_unique, ARGV[4])
    if holder and sub(holder, 1, 16) == job.id then
        call('HSET', k_unique, ARGV[4], job.id .. ARGV[5] .. sub(holder, 33))
    end
end
return job.st
