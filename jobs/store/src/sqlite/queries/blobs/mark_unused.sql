-- Marks those of these blobs that no version uses. ?1 JSON array of hashes, ?2 now.
UPDATE blobs
SET unused_at = ?2
WHERE unused_at IS NULL
    AND hash IN (SELECT value FROM json_each(?1))
    AND NOT EXISTS (SELECT 1 FROM document_versions WHERE document_versions.blob = blobs.hash)
RETURNING hash
