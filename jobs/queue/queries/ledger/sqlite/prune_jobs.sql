-- Deletes ended jobs and tells which, and how they ended. ?1: state; ?2: ended at or before, ms; ?3: limit.
DELETE FROM ledger_jobs WHERE seq IN (
    SELECT seq FROM ledger_jobs WHERE state = ?1 AND state <> 'accepted' AND finished_at <= ?2 ORDER BY finished_at LIMIT ?3
)
RETURNING id
