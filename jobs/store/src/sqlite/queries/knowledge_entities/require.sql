-- Creates entities that are new, with empty sums. ?1 tenant, ?2 JSON array of [id, key].
INSERT INTO knowledge_entities (id, tenant, key)
SELECT value ->> 0, ?1, value ->> 1
FROM json_each(?2)
WHERE TRUE
ON CONFLICT (id) DO NOTHING
