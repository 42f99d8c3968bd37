-- What weights are computed from: a tenant's relations, the most frequent first. The reader stops when it has enough.
-- ?1 tenant.
SELECT
    relation.seq AS seq,
    relation.id AS id,
    relation.sentences AS sentences,
    source.sentences AS source_sentences,
    target.sentences AS target_sentences
FROM knowledge_relations AS relation
CROSS JOIN knowledge_entities AS source ON source.seq = relation.source
CROSS JOIN knowledge_entities AS target ON target.seq = relation.target
WHERE relation.tenant = ?1
ORDER BY relation.sentences DESC
