-- uses: base
-- keys: events meta
-- Closes the past of a queue and reads its events: what comes later gets a place at or behind `horizon`.
--
-- ARGV: 1 now, 2 after, as ms-n of an entry, 3 how many entries at most, 4 the horizon, ms.
-- Returns entries as {ms-n, ms at which it happened, packed events}: from the entry that holds `after`, before the
-- horizon.
local horizon = tonumber(ARGV[4])
if tonumber(call('HGET', k_meta, 'event_ms') or 0) < horizon then
    call('HSET', k_meta, 'event_ms', digits(horizon), 'event_n', 0)
end
local first = call('XREVRANGE', k_events, ARGV[2], '-', 'COUNT', 1)
local from = first[1] and first[1][1] or '-'
local entries = {}
for _, entry in ipairs(call('XRANGE', k_events, from, digits(horizon - 1), 'COUNT', ARGV[3])) do
    entries[#entries + 1] = {entry[1], entry[2][4], entry[2][2]}
end
return entries
