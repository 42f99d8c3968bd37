-- Removes entities without support. ?1 JSON array of the entities that were touched.
DELETE FROM knowledge_entities
WHERE mentions = 0 AND seq IN (SELECT value FROM json_each(?1))
