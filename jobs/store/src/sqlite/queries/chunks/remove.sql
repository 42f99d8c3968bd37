-- ?1 JSON array of chunks.
DELETE FROM chunks
WHERE seq IN (SELECT value FROM json_each(?1))
RETURNING text_hash
