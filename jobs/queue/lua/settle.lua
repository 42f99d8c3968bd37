-- uses: changes
-- Strikes jobs off what others of this queue wait for: letters from the outbox of the queue where they ended.
--
-- ARGV: 1 now, then the waiting job's id and the ended one's, alternating, at most 1,000 pairs.
-- Returns how many were let go.
for n = 2, #ARGV, 2 do
    unblock(ARGV[n], ARGV[n + 1])
end
local freed = #states / 2
flush()
return freed
