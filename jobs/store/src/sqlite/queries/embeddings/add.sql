-- A vector for a text that some chunk has; one that is there stays. ?1 text hash, ?2 model, ?3 vector.
INSERT INTO embeddings (text_hash, model, vector)
SELECT ?1, ?2, ?3
WHERE EXISTS (SELECT 1 FROM chunks WHERE text_hash = ?1)
ON CONFLICT (text_hash, model) DO NOTHING
