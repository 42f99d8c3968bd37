-- The numbers of these entities, in the order asked for. ?1 JSON array of [id, …].
SELECT knowledge_entities.seq
FROM json_each(?1) AS asked
CROSS JOIN knowledge_entities ON knowledge_entities.id = asked.value ->> 0
ORDER BY asked.key
