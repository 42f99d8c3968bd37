-- What chunks of a version say. NULL where the version has no such chunk, or no extraction is kept.
-- ?1 version, ?2 extractor, ?3 JSON array of chunk ids.
SELECT asked.value, chunks.seq, extractions.body
FROM json_each(?3) AS asked
LEFT JOIN chunks ON chunks.id = asked.value AND chunks.version = ?1
LEFT JOIN extractions ON extractions.text_hash = chunks.text_hash AND extractions.extractor = ?2
