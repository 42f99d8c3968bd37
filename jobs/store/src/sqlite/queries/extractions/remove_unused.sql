-- Of these texts, removes the extractions of those that no chunk has. ?1 JSON array of text hashes.
DELETE FROM extractions
WHERE text_hash IN (SELECT value FROM json_each(?1))
    AND NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.text_hash = extractions.text_hash)
