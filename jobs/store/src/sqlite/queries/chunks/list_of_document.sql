-- The chunks of whatever version of a document has some. ?1 document, ?2 first ordinal, ?3 limit.
SELECT chunks.*, documents.title AS document_title, documents.source AS document_source
FROM chunks
JOIN documents ON documents.id = chunks.document
WHERE chunks.version = (SELECT id FROM document_versions WHERE document = ?1 AND chunks > 0)
    AND chunks.ordinal >= ?2
ORDER BY chunks.ordinal
LIMIT ?3
