-- What every relation says, for a hash.
SELECT relations.tenant, source.key, target.key, relations.label, relations.sentences
FROM knowledge_relations AS relations
JOIN knowledge_entities AS source ON source.seq = relations.source
JOIN knowledge_entities AS target ON target.seq = relations.target
ORDER BY relations.tenant, source.key, target.key
