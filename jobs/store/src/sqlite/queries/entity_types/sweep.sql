-- Removes those of these rows that came to zero. ?1 JSON array of [entity, entity_type, difference].
DELETE FROM entity_types
WHERE mentions = 0
    AND (entity, entity_type) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
