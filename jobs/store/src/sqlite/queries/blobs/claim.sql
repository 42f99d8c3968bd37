-- Makes a blob used. ?1 hash, ?2 size in bytes, ?3 now.
INSERT INTO blobs (hash, size_bytes, created_at)
VALUES (?1, ?2, ?3)
ON CONFLICT (hash) DO UPDATE SET unused_at = NULL
