-- Removes those of these rows that came to zero. ?1 JSON array of [entity, surface, difference].
DELETE FROM entity_aliases
WHERE mentions = 0
    AND (entity, surface) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
