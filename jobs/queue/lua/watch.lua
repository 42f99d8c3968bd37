-- uses: changes
-- Registers jobs of another queue that want to wait for jobs of this one.
--
-- ARGV: 1 now, 2 the other queue, then the waiting job's id and the id it waits for, alternating, at most 1,000 pairs.
-- Returns a string, a letter for each pair: o where it is open and will send a letter, - where it has ended or is not
-- here.
local letters = {}
for n = 3, #ARGV, 2 do
    local job = load(ARGV[n + 1])
    if job and not ENDED[job.st] then
        local waiting = call('HGET', k_deps, ARGV[n + 1]) or ''
        call('HSET', k_deps, ARGV[n + 1], waiting .. pack('B', #ARGV[2]) .. ARGV[2] .. ARGV[n])
        letters[#letters + 1] = 'o'
    else
        letters[#letters + 1] = '-'
    end
end
return concat(letters)
