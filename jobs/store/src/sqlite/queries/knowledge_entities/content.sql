-- What every entity says, for a hash.
SELECT tenant, key, name, entity_type, mentions, chunks, documents, sentences
FROM knowledge_entities
ORDER BY tenant, key
