-- Returns the dimension that a model has, which is this one if it is new. ?1 model, ?2 dimension.
INSERT INTO embedding_models (model, dimension, vectors)
VALUES (?1, ?2, 0)
ON CONFLICT (model) DO UPDATE SET vectors = vectors
RETURNING dimension
