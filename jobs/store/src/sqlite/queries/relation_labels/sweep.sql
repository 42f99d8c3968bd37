-- Removes those of these rows that came to zero. ?1 JSON array of [relation, label, difference].
DELETE FROM relation_labels
WHERE sentences = 0
    AND (relation, label) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
