-- The vectors of every chunk that a search of this tenant may find, by the order in which they are stored.
-- ?1 tenant, ?2 model.
SELECT embeddings.seq AS embedding, chunks.seq AS chunk, embeddings.vector AS vector
FROM embeddings
CROSS JOIN chunks ON chunks.text_hash = embeddings.text_hash
JOIN documents ON documents.id = chunks.document
WHERE embeddings.model = ?2 AND documents.tenant = ?1 AND documents.deleting_at IS NULL
ORDER BY embeddings.seq
