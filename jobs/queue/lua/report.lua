-- uses: base
-- keys: workers
-- Takes what a worker says of itself.
--
-- `workers` HASH, one for the installation: worker → until when that is believed d, when it was said d, JSON.
-- ARGV: 1 now, 2 worker, 3 how long it is believed, ms (0: take it out), 4 JSON.
-- Returns 1.
local ttl = tonumber(ARGV[3])
if ttl > 0 then
    call('HSET', k_workers, ARGV[2], pack('<dd', now + ttl, now) .. ARGV[4])
else
    call('HDEL', k_workers, ARGV[2])
end
return 1
