-- Keeps the first instant when it is repeated. ?1 document, ?2 now.
UPDATE documents
SET deleting_at = coalesce(deleting_at, ?2)
WHERE id = ?1
