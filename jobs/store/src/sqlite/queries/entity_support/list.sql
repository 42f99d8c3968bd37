-- ?1 JSON array of chunks.
SELECT chunk, start, "end", entity, surface, entity_type
FROM entity_support
WHERE chunk IN (SELECT value FROM json_each(?1))
