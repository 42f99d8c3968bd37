-- ?1 document.
SELECT chunks.seq
FROM document_versions
JOIN chunks ON chunks.version = document_versions.id
WHERE document_versions.document = ?1
