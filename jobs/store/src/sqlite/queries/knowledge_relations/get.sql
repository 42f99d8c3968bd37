-- Relations with the names of their ends, in the order asked for. ?1 JSON array of relations.
SELECT
    relation.id AS id,
    relation.label AS label,
    relation.sentences AS sentences,
    source.id AS source_id,
    source.name AS source_name,
    target.id AS target_id,
    target.name AS target_name
FROM json_each(?1) AS asked
CROSS JOIN knowledge_relations AS relation ON relation.seq = asked.value
CROSS JOIN knowledge_entities AS source ON source.seq = relation.source
CROSS JOIN knowledge_entities AS target ON target.seq = relation.target
ORDER BY asked.key
