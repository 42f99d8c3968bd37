-- What every sentence that names two entities says, for a hash.
SELECT
    relations.tenant, source.key, target.key, documents.source, chunks.ordinal,
    support.start, support."end", support.label
FROM relation_support AS support
JOIN knowledge_relations AS relations ON relations.seq = support.relation
JOIN knowledge_entities AS source ON source.seq = relations.source
JOIN knowledge_entities AS target ON target.seq = relations.target
JOIN chunks ON chunks.seq = support.chunk
JOIN documents ON documents.id = chunks.document
ORDER BY
    relations.tenant, source.key, target.key, documents.source, chunks.ordinal, support.start, support."end"
