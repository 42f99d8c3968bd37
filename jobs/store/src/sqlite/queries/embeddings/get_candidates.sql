-- Stored vectors with the chunks that a search of this tenant may find now. ?1 JSON array of embeddings, ?2 tenant.
SELECT chunks.id AS chunk, embeddings.vector AS vector
FROM json_each(?1) AS asked
CROSS JOIN embeddings ON embeddings.seq = asked.value
CROSS JOIN chunks ON chunks.text_hash = embeddings.text_hash
JOIN documents ON documents.id = chunks.document
WHERE documents.tenant = ?2 AND documents.deleting_at IS NULL
