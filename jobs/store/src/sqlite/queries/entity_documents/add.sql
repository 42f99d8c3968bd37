-- Returns the new number of chunks of each entity. ?1 document, ?2 JSON array of [entity, difference].
INSERT INTO entity_documents (entity, document, chunks)
SELECT value ->> 0, ?1, value ->> 1
FROM json_each(?2)
WHERE TRUE
ON CONFLICT (entity, document) DO UPDATE SET chunks = chunks + excluded.chunks
RETURNING entity, chunks
