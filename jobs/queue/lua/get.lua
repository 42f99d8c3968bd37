-- uses: changes
-- keys: results checkpoints progress
-- Reads jobs whole.
--
-- ARGV: 1 now, then ids (at most 1,000).
-- Returns {lanes as number and name, jobs}: a job is false where there is none, else {id, state ('' where it was never
-- fetched), spec, lease expiry ms, errors, result, checkpoint, progress}.
local lanes, jobs, seen = {}, {}, {}
for n = 2, #ARGV do
    local id = ARGV[n]
    local spec = call('HGET', k_spec, id)
    if spec then
        local lane = unpack_from('<I4', spec)
        if not seen[lane] then
            seen[lane] = true
            lanes[#lanes + 1] = lane
            lanes[#lanes + 1] = lane_info(lane)[5]
        end
        local text = call('HGET', k_state, id)
        local job = {id, text or '', spec, false, false, false, false, false}
        if text then
            job[4] = call('ZSCORE', k_leases, id)
            if band(byte(text, 2), NOTED) ~= 0 then
                job[5] = call('HGET', k_errors, id)
                job[6] = call('HGET', k_results, id)
                job[7] = call('HGET', k_checkpoints, id)
                job[8] = call('HGET', k_progress, id)
            end
        end
        jobs[n - 1] = job
    else
        jobs[n - 1] = false
    end
end
return {lanes, jobs}
