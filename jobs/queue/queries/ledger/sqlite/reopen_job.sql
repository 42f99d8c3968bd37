-- Makes an ended job live again. ?1: id; ?2: spec; ?3, ?4: epoch and instant of the end that is taken back.
UPDATE ledger_jobs SET
    state = 'accepted', dead_reason = NULL, result = NULL, attempt = 0, crashes = 0,
    spec = ?2, epoch = max(epoch, ?3), finished_at = max(coalesce(finished_at, ?4), ?4)
WHERE id = ?1
