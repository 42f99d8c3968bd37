-- The first place of each text that has no extraction by an extractor. ?1 JSON array of text hashes, ?2 extractor.
SELECT min(key)
FROM json_each(?1)
WHERE NOT EXISTS (SELECT 1 FROM extractions WHERE text_hash = value AND extractor = ?2)
GROUP BY value
ORDER BY 1
