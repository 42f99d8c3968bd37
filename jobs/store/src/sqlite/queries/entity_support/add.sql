-- ?1 JSON array of [chunk, entity, start, end, surface, type].
INSERT INTO entity_support (chunk, entity, start, "end", surface, entity_type)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
FROM json_each(?1)
