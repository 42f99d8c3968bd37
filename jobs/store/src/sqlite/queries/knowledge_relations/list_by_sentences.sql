-- A page of a tenant's relations, the most frequent first, with what weights are computed from.
-- ?1 tenant, ?2 and ?3 sentences and number of the last one seen, ?4 limit.
SELECT
    relation.seq AS seq,
    relation.id AS id,
    relation.label AS label,
    relation.sentences AS sentences,
    source.id AS source_id,
    source.name AS source_name,
    source.sentences AS source_sentences,
    target.id AS target_id,
    target.name AS target_name,
    target.sentences AS target_sentences
FROM knowledge_relations AS relation
CROSS JOIN knowledge_entities AS source ON source.seq = relation.source
CROSS JOIN knowledge_entities AS target ON target.seq = relation.target
WHERE relation.tenant = ?1
    AND relation.sentences <= ?2
    AND (relation.sentences < ?2 OR relation.seq > ?3)
ORDER BY relation.sentences DESC, relation.seq
LIMIT ?4
