-- Writes what failed attempts of live jobs have cost. $1–$6: one array a column.
UPDATE ledger_jobs AS job SET
    attempt    = noted.attempt + greatest(0, job.max_attempts - noted.max_attempts),
    crashes    = noted.crashes,
    error_code = noted.error_code,
    errors     = noted.errors
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::integer[], $5::text[], $6::text[])
    AS noted (id, attempt, crashes, max_attempts, error_code, errors)
WHERE job.id = noted.id AND job.state = 'accepted'
