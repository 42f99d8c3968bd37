-- The numbers of these relations, in the order asked for. ?1 JSON array of [id, …].
SELECT knowledge_relations.seq
FROM json_each(?1) AS asked
CROSS JOIN knowledge_relations ON knowledge_relations.id = asked.value ->> 0
ORDER BY asked.key
