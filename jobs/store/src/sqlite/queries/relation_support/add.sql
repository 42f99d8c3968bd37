-- ?1 JSON array of [chunk, relation, start, end, label].
INSERT INTO relation_support (chunk, relation, start, "end", label)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
FROM json_each(?1)
