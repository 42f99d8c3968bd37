-- uses: lanes
-- keys: rules buckets
-- Sets the pause or the limits of one scope.
--
-- ARGV: 1 now, 2 scope (q, k<kind>, t<tenant>), 3 what: p pause, l limits, w all of it; 4 "0" or "1", or
-- "concurrency rate burst weight", or all five; - for none.
-- Returns 1.
local text = call('HGET', k_rules, ARGV[2]) or '0 - - 0 1'
local paused, limits = string.match(text, '^(%S+) (.*)$')
if ARGV[3] == 'p' then
    paused = ARGV[4]
elseif ARGV[3] == 'l' then
    limits = ARGV[4]
else
    paused, limits = string.match(ARGV[4], '^(%S+) (.*)$')
end
if paused == '0' and limits == '- - 0 1' then
    call('HDEL', k_rules, ARGV[2])
    call('HDEL', k_buckets, ARGV[2])
else
    call('HSET', k_rules, ARGV[2], paused .. ' ' .. limits)
end
if call('EXISTS', k_ring) == 1 then
    wake()
end
return 1
