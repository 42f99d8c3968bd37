-- What changed for the searches of one tenant and model, in order. ?1 after this one, ?2 tenant, ?3 model, ?4 limit.
SELECT seq, model, entries
FROM vector_changes
WHERE seq > ?1 AND tenant = ?2 AND (model IS NULL OR model = ?3)
ORDER BY seq
LIMIT ?4
