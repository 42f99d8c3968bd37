-- ?1 JSON array of [entity, surface, difference].
INSERT INTO entity_aliases (entity, surface, mentions)
SELECT value ->> 0, value ->> 1, value ->> 2
FROM json_each(?1)
WHERE TRUE
ON CONFLICT (entity, surface) DO UPDATE SET mentions = mentions + excluded.mentions
