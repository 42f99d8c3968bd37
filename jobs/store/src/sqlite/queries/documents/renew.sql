-- Makes a version the one that counts; its sender's title and fields come with it.
-- ?1 document, ?2 version, ?3 title, ?4 metadata (JSON), ?5 now.
UPDATE documents
SET newest_version = ?2, title = ?3, metadata = ?4, updated_at = ?5
WHERE id = ?1
