-- What weights are computed from: the relations of one entity. ?1 tenant, ?2 entity id.
SELECT
    relation.seq AS seq,
    relation.id AS id,
    relation.sentences AS sentences,
    source.sentences AS source_sentences,
    target.sentences AS target_sentences
FROM knowledge_entities AS entity
CROSS JOIN knowledge_relations AS relation ON relation.source = entity.seq OR relation.target = entity.seq
CROSS JOIN knowledge_entities AS source ON source.seq = relation.source
CROSS JOIN knowledge_entities AS target ON target.seq = relation.target
WHERE entity.id = ?2 AND entity.tenant = ?1
