-- keys: log old meta leases due completed cancelled dead
-- uses: base
-- Reads ids of a queue, the newest first.
--
-- ARGV: 1 now, 2 source: "log", "old", or letters of states among sRtcxd; 3 where to go on ('': at the newest); 4 how
-- many at most (1,000; 10,000 for states, which are read whole).
-- Returns {where the next page goes on ('' at the end), ids}.
local source, from, most = ARGV[2], ARGV[3], tonumber(ARGV[4])
if source == 'log' then
    local trimmed = tonumber(call('HGET', k_meta, 'log_trimmed') or 0)
    local last = from == '' and trimmed + call('LLEN', k_log) or tonumber(from)
    local start = max(trimmed, last - most)
    if last <= start then
        return {'', {}}
    end
    local ids = call('LRANGE', k_log, start - trimmed, last - trimmed - 1)
    return {start > trimmed and digits(start) or '', ids}
elseif source == 'old' then
    local at = from == '' and 0 or tonumber(from)
    local ids = call('ZREVRANGE', k_old, at, at + most - 1)
    return {#ids == most and digits(at + most) or '', ids}
end
local ids = {}
for letter in string.gmatch(source, '.') do
    if letter == 'R' or letter == 's' or letter == 't' then
        for _, id in ipairs(call('ZRANGE', letter == 'R' and k_leases or k_due, 0, most)) do
            if #id == 16 then -- not the sentinel
                ids[#ids + 1] = id
            end
        end
    else
        local list = letter == 'c' and k_completed or letter == 'x' and k_cancelled or k_dead
        for _, entry in ipairs(call('LRANGE', list, 0, most)) do
            ids[#ids + 1] = sub(entry, 1, 16)
        end
    end
end
return {'', ids}
