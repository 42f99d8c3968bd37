-- Moves the average run time of kinds, weight 1/10 for what is new. ?1: JSON array of {kind, run_ms_avg, samples}.
INSERT INTO job_kind_stats (kind, run_ms_avg, samples)
SELECT row.value ->> 'kind', row.value ->> 'run_ms_avg', row.value ->> 'samples'
FROM json_each(?1) AS row
WHERE true
ON CONFLICT (kind) DO UPDATE SET
    run_ms_avg = run_ms_avg + (excluded.run_ms_avg - run_ms_avg) / min(10.0, samples + 1.0),
    samples = samples + excluded.samples
