-- ?1 entity id, ?2 limit.
SELECT chunks.id AS chunk, chunks.document AS document, entity_support.start AS start, entity_support."end" AS "end"
FROM knowledge_entities
JOIN entity_support ON entity_support.entity = knowledge_entities.seq
JOIN chunks ON chunks.seq = entity_support.chunk
WHERE knowledge_entities.id = ?1
ORDER BY entity_support.chunk, entity_support.start, entity_support."end"
LIMIT ?2
