-- ?1 JSON array of [entity, entity_type, difference].
INSERT INTO entity_types (entity, entity_type, mentions)
SELECT value ->> 0, value ->> 1, value ->> 2
FROM json_each(?1)
WHERE TRUE
ON CONFLICT (entity, entity_type) DO UPDATE SET mentions = mentions + excluded.mentions
