-- ?1 relation id, ?2 limit.
SELECT chunks.id AS chunk, chunks.document AS document, relation_support.start AS start, relation_support."end" AS "end"
FROM knowledge_relations
JOIN relation_support ON relation_support.relation = knowledge_relations.seq
JOIN chunks ON chunks.seq = relation_support.chunk
WHERE knowledge_relations.id = ?1
ORDER BY relation_support.chunk, relation_support.start, relation_support."end"
LIMIT ?2
