-- What every script begins with: the time, and short names.
--
-- ARGV[1] is the present instant in ms since 1970, or 0 for the server's clock; only tests give one.
redis.replicate_commands() -- before Redis 7, a script that asks for the time must say so before it writes
local call, byte, sub, concat = redis.call, string.byte, string.sub, table.concat
local floor, min, max, huge = math.floor, math.min, math.max, math.huge
local pack, unpack_from = struct.pack, struct.unpack
local band, bor, bnot = bit.band, bit.bor, bit.bnot

local now = tonumber(ARGV[1])
if now == 0 then
    local time = call('TIME')
    now = time[1] * 1000 + floor(time[2] / 1000)
end

-- Calls `command key …list`, at most 2,000 arguments at a time (an even number, so pairs stay together).
local function call_list(command, key, list)
    local n = #list
    for first = 1, n, 2000 do
        call(command, key, unpack(list, first, min(first + 1999, n)))
    end
end

-- Returns a number the way Redis reads it, whatever its size.
local function digits(number)
    return string.format('%.0f', number)
end
