-- The most often named first. ?1 tenant, ?2 what the name contains (NULL for all), ?3 what the key contains, ?4 limit.
SELECT id, key, name, entity_type, mentions, chunks, documents
FROM knowledge_entities
WHERE tenant = ?1 AND (?2 IS NULL OR instr(name, ?2) > 0 OR instr(key, ?3) > 0)
ORDER BY mentions DESC, key
LIMIT ?4
