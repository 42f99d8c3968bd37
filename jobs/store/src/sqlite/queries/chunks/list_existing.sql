-- Which chunks a document has, of whatever version. ?1 document.
SELECT chunks.id, chunks.seq, chunks.words_hash
FROM document_versions
JOIN chunks ON chunks.version = document_versions.id
WHERE document_versions.document = ?1
