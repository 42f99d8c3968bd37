-- Moves chunks to ordinals that no chunk has for good (-1, -2, …). ?1 JSON array of chunks.
UPDATE chunks
SET ordinal = -1 - ordinal
WHERE seq IN (SELECT value FROM json_each(?1))
