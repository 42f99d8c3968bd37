-- The vectors of these chunks' texts, by every model. ?1 JSON array of chunks.
SELECT embeddings.seq AS embedding, embeddings.model AS model, chunks.seq AS chunk, embeddings.vector AS vector
FROM json_each(?1) AS asked
CROSS JOIN chunks ON chunks.seq = asked.value
JOIN embeddings ON embeddings.text_hash = chunks.text_hash
