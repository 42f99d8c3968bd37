-- Chunks in the order asked for. ?1 JSON array of ids.
SELECT chunks.*, documents.title AS document_title, documents.source AS document_source
FROM json_each(?1) AS asked
CROSS JOIN chunks ON chunks.id = asked.value
JOIN documents ON documents.id = chunks.document
ORDER BY asked.key
