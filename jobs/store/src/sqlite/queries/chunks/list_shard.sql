-- The chunks of the range that a stage row keeps. ?1 version, ?2 stage, ?3 shard.
SELECT chunks.id, chunks.text_hash, chunks.text
FROM stage_runs
JOIN chunks
    ON chunks.version = stage_runs.version
    AND chunks.ordinal >= stage_runs.first_ordinal
    AND chunks.ordinal < stage_runs.end_ordinal
WHERE stage_runs.version = ?1 AND stage_runs.stage = ?2 AND stage_runs.shard = ?3
ORDER BY chunks.ordinal
