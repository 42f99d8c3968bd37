-- Takes removed vectors off their models' numbers. ?1 JSON array with a model's name for each vector.
UPDATE embedding_models
SET vectors = vectors - (SELECT count(*) FROM json_each(?1) WHERE value = model)
WHERE model IN (SELECT value FROM json_each(?1))
