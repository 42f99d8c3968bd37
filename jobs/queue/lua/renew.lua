-- uses: changes
-- keys: checkpoints progress
-- Keeps leases, and what handlers report with them.
--
-- ARGV: 1 now, 2 lease ms, 3 leases: id c16, epoch d of each, one after the other; then three arguments for each that
-- reports something: which (from 1), progress, checkpoint ('': unchanged).
-- Returns a string, a letter for each lease: K kept, C kept and its end was asked for, L lost.
-- Keeps atomic: only the present epoch renews.
local until_ms = now + tonumber(ARGV[2])
local ids, epochs = {}, {}
for at = 1, #ARGV[3], 24 do
    ids[#ids + 1] = sub(ARGV[3], at, at + 15)
    epochs[#epochs + 1] = unpack_from('<d', ARGV[3], at + 16)
end
local letters, kept = {}, {}
local texts = #ids > 0 and call('HMGET', k_state, unpack(ids)) or {}
for n, id in ipairs(ids) do
    local job = texts[n] and read_state(id, texts[n])
    if job and job.st == 'R' and job.epoch == epochs[n] then
        kept[#kept + 1] = until_ms
        kept[#kept + 1] = id
        letters[n] = has(job, CANCEL) and 'C' or 'K'
    else
        letters[n] = 'L'
    end
end
call_list('ZADD', k_leases, kept)
for at = 4, #ARGV, 3 do
    local n = tonumber(ARGV[at])
    if letters[n] ~= 'L' then
        local job = read_state(ids[n], texts[n])
        for key, text in pairs({[k_progress] = ARGV[at + 1], [k_checkpoints] = ARGV[at + 2]}) do
            if text ~= '' then
                call('HSET', key, job.id, text)
            end
        end
        if not has(job, NOTED) then
            set(job, NOTED)
            save(job)
        end
    end
end
call_list('HSET', k_state, states)
return concat(letters)
