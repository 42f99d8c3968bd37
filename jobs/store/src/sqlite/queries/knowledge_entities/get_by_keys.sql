-- ?1 tenant, ?2 JSON array of normal forms.
SELECT id, key, name, entity_type, mentions, chunks, documents
FROM knowledge_entities
WHERE tenant = ?1 AND key IN (SELECT value FROM json_each(?2))
ORDER BY key
