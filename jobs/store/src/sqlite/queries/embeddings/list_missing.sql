-- The first place of each text that has no vector by a model. ?1 JSON array of text hashes, ?2 model.
SELECT min(key)
FROM json_each(?1)
WHERE NOT EXISTS (SELECT 1 FROM embeddings WHERE text_hash = value AND model = ?2)
GROUP BY value
ORDER BY 1
