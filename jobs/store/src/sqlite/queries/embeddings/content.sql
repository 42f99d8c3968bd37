-- What every vector says, for a hash.
SELECT text_hash, model, vector
FROM embeddings
ORDER BY text_hash, model
