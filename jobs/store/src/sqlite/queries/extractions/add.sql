-- What a text says, for a text that some chunk has; one that is there stays: the same extractor says the same.
-- ?1 text hash, ?2 extractor, ?3 body (JSON).
INSERT INTO extractions (text_hash, extractor, body)
SELECT ?1, ?2, ?3
WHERE EXISTS (SELECT 1 FROM chunks WHERE text_hash = ?1)
ON CONFLICT (text_hash, extractor) DO NOTHING
