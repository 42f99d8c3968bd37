-- uses: base
-- keys: workers
-- Reads what workers say of themselves, and drops those that were not heard of for too long.
--
-- ARGV: 1 now, 2 cursor of HSCAN.
-- Returns {next cursor, {when it was said d and JSON, …}}.
local page = call('HSCAN', k_workers, ARGV[2], 'COUNT', 500)
local alive, gone = {}, {}
for n = 1, #page[2], 2 do
    local text = page[2][n + 1]
    if unpack_from('<d', text) > now then
        alive[#alive + 1] = sub(text, 9)
    else
        gone[#gone + 1] = page[2][n]
    end
end
call_list('HDEL', k_workers, gone)
return {page[1], alive}
