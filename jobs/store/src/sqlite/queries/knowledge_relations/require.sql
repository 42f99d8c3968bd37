-- Creates relations that are new, with empty sums. ?1 tenant, ?2 JSON array of [id, source, target].
INSERT INTO knowledge_relations (id, tenant, source, target)
SELECT value ->> 0, ?1, value ->> 1, value ->> 2
FROM json_each(?2)
WHERE TRUE
ON CONFLICT (id) DO NOTHING
