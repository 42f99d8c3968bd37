-- ?1 JSON array of [relation, label, difference].
INSERT INTO relation_labels (relation, label, sentences)
SELECT value ->> 0, value ->> 1, value ->> 2
FROM json_each(?1)
WHERE TRUE
ON CONFLICT (relation, label) DO UPDATE SET sentences = sentences + excluded.sentences
