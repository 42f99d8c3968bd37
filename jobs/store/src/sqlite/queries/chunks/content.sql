-- What every chunk says, for a hash.
SELECT
    documents.tenant, documents.source, chunks.ordinal, chunks.text_hash, chunks.words_hash,
    chunks.start, chunks."end", chunks.start_char, chunks.end_char,
    chunks.page, chunks.last_page, chunks.heading_path, chunks.tokens
FROM documents
JOIN chunks ON chunks.document = documents.id
ORDER BY documents.tenant, documents.source, chunks.ordinal
