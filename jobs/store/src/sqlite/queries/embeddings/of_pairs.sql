-- The vectors of pairs [embedding, chunk], of those embeddings that are still there. ?1 JSON array of pairs, ?2 model.
SELECT embeddings.seq AS embedding, pair.value ->> 1 AS chunk, embeddings.vector AS vector
FROM json_each(?1) AS pair
CROSS JOIN embeddings ON embeddings.seq = pair.value ->> 0 AND embeddings.model = ?2
