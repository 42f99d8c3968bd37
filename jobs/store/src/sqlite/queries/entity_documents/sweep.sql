-- Removes those of these rows that came to zero. ?1 document, ?2 JSON array of [entity, difference].
DELETE FROM entity_documents
WHERE chunks = 0
    AND document = ?1
    AND entity IN (SELECT value ->> 0 FROM json_each(?2))
