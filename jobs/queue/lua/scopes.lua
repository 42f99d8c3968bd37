-- uses: base
-- keys: rules buckets
-- Describes the pauses and limits that hold in a queue.
--
-- ARGV: 1 now.
-- Returns {now, {scope, rule, ms until its bucket has a token (0: it has one), …}}, a rule as `rule.lua` writes it.
local found = {}
local rules = call('HGETALL', k_rules)
for at = 1, #rules, 2 do
    local rate = tonumber((string.match(rules[at + 1], '^%S+ %S+ (%S+)')))
    local wait = 0
    local stored = rate and call('HGET', k_buckets, rules[at])
    if stored then
        local level, since = string.match(stored, '^(%S+) (%S+)$')
        level = tonumber(level) + max(0, now - tonumber(since)) / 1000 * rate
        wait = max(0, math.ceil((1 - level) / rate * 1000))
    end
    found[#found + 1] = rules[at]
    found[#found + 1] = rules[at + 1]
    found[#found + 1] = digits(wait)
end
return {digits(now), found}
