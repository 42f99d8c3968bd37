-- Adds differences to the sums, then names each entity after its most frequent alias and type (ties: the smallest).
-- An entity without any alias left is swept next. ?1 JSON array of [entity, mentions, chunks, documents, sentences].
UPDATE knowledge_entities
SET
    mentions = knowledge_entities.mentions + difference.mentions,
    chunks = knowledge_entities.chunks + difference.chunks,
    documents = knowledge_entities.documents + difference.documents,
    sentences = knowledge_entities.sentences + difference.sentences,
    name = coalesce((
        SELECT surface FROM entity_aliases
        WHERE entity_aliases.entity = knowledge_entities.seq
        ORDER BY entity_aliases.mentions DESC, surface
        LIMIT 1
    ), ''),
    entity_type = coalesce((
        SELECT entity_types.entity_type FROM entity_types
        WHERE entity_types.entity = knowledge_entities.seq
        ORDER BY entity_types.mentions DESC, entity_types.entity_type
        LIMIT 1
    ), '')
FROM (
    SELECT
        value ->> 0 AS entity,
        value ->> 1 AS mentions,
        value ->> 2 AS chunks,
        value ->> 3 AS documents,
        value ->> 4 AS sentences
    FROM json_each(?1)
) AS difference
WHERE knowledge_entities.seq = difference.entity
