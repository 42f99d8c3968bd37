-- Deletes expired unique keys. ?1: now, ms; ?2: limit.
DELETE FROM ledger_keys WHERE hash IN (
    SELECT hash FROM ledger_keys WHERE expires_at IS NOT NULL AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2
)
