-- Of these texts, removes the vectors of those that no chunk has; returns the model of each. ?1 JSON array of text hashes.
DELETE FROM embeddings
WHERE text_hash IN (SELECT value FROM json_each(?1))
    AND NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.text_hash = embeddings.text_hash)
RETURNING model
