-- ?1 version, ?2 JSON array of [stage, shard, job (hex), first ordinal, end ordinal].
INSERT INTO stage_runs (version, stage, shard, job_id, first_ordinal, end_ordinal)
SELECT ?1, value ->> 0, value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4
FROM json_each(?2)
