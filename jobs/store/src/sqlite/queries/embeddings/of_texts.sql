-- These texts' vectors by one model, for each chunk that search may find. ?1 JSON array of text hashes, ?2 model.
SELECT
    documents.tenant AS tenant,
    embeddings.seq AS embedding,
    embeddings.model AS model,
    chunks.seq AS chunk,
    embeddings.vector AS vector
FROM json_each(?1) AS asked
CROSS JOIN embeddings ON embeddings.text_hash = asked.value AND embeddings.model = ?2
JOIN chunks ON chunks.text_hash = embeddings.text_hash
JOIN documents ON documents.id = chunks.document AND documents.deleting_at IS NULL
