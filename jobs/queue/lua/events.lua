-- keys: events meta lanes
-- uses: base
-- Reads events, and closes the past: what comes later gets a larger place than everything this call could return.
--
-- ARGV: 1 now, 2 after, as ms-n of an entry, 3 how many entries at most, 4 the ms before which events are wanted, 0 for
-- the next ms.
-- Returns {that ms, entries as {ms-n, packed events}}: from the entry that holds `after`.
local horizon = tonumber(ARGV[4])
if horizon == 0 then
    horizon = max(now, tonumber(call('HGET', k_meta, 'event_ms') or 0)) + 1
end
if tonumber(call('HGET', k_meta, 'event_ms') or 0) < horizon then
    call('HSET', k_meta, 'event_ms', digits(horizon), 'event_n', 0)
end
local first = call('XREVRANGE', k_events, ARGV[2], '-', 'COUNT', 1)
local from = first[1] and first[1][1] or '-'
local entries = {}
for _, entry in ipairs(call('XRANGE', k_events, from, digits(horizon - 1), 'COUNT', ARGV[3])) do
    entries[#entries + 1] = {entry[1], entry[2][2]}
end
return {digits(horizon), entries}
