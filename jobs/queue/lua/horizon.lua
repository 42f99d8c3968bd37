-- uses: base
-- keys: horizon
-- Moves the ms before which events are read; it never stands still, so what was closed is read the next time.
--
-- ARGV: 1 now.
-- Returns that ms.
local horizon = max(now, tonumber(call('GET', k_horizon) or 0)) + 1
call('SET', k_horizon, digits(horizon))
return digits(horizon)
