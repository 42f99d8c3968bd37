-- Adds differences to the sums, then labels each relation with its most frequent label (ties: the smallest).
-- ?1 JSON array of [relation, sentences].
UPDATE knowledge_relations
SET
    sentences = knowledge_relations.sentences + difference.sentences,
    label = (
        SELECT relation_labels.label FROM relation_labels
        WHERE relation_labels.relation = knowledge_relations.seq
        ORDER BY relation_labels.sentences DESC, relation_labels.label
        LIMIT 1
    )
FROM (SELECT value ->> 0 AS relation, value ->> 1 AS sentences FROM json_each(?1)) AS difference
WHERE knowledge_relations.seq = difference.relation
