-- ?1 JSON array of chunks.
SELECT
    relation_support.chunk AS chunk,
    relation_support.start AS start,
    relation_support."end" AS "end",
    relation_support.relation AS relation,
    knowledge_relations.source AS source,
    knowledge_relations.target AS target,
    relation_support.label AS label
FROM relation_support
JOIN knowledge_relations ON knowledge_relations.seq = relation_support.relation
WHERE relation_support.chunk IN (SELECT value FROM json_each(?1))
