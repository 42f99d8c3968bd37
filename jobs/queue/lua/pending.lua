-- uses: base
-- keys: pending
-- Reads what waiting jobs wait for, to look after letters that were lost.
--
-- ARGV: 1 now, 2 cursor of HSCAN.
-- Returns {next cursor, {id, ids it waits for, …}}.
return call('HSCAN', k_pending, ARGV[2], 'COUNT', 200)
