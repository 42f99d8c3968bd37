-- Reads tasks.
--
-- KEYS: 1 data HASH, 2… the meta HASH of each task. ARGV: their ids.
-- Returns {payloads, meta}: one entry a task; a payload that is not there is nil, meta is a flat list of fields and
-- values, empty where it is missing or no HASH (one spoilt key must not stop the batch).
local meta = {}
for n = 1, #ARGV do
    local fields = redis.pcall('HGETALL', KEYS[n + 1])
    meta[n] = fields.err and {} or fields
end
return {redis.call('HMGET', KEYS[1], unpack(ARGV)), meta}
