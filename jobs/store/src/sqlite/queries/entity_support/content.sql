-- What every mention says, for a hash.
SELECT
    entities.tenant, entities.key, documents.source, chunks.ordinal,
    support.start, support."end", support.surface, support.entity_type
FROM entity_support AS support
JOIN knowledge_entities AS entities ON entities.seq = support.entity
JOIN chunks ON chunks.seq = support.chunk
JOIN documents ON documents.id = chunks.document
ORDER BY entities.tenant, entities.key, documents.source, chunks.ordinal, support.start, support."end"
