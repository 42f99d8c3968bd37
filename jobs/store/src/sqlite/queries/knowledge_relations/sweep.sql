-- Removes relations without support. ?1 JSON array of the relations that were touched.
DELETE FROM knowledge_relations
WHERE sentences = 0 AND seq IN (SELECT value FROM json_each(?1))
