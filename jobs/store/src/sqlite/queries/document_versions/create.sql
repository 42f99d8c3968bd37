-- ?1 id, ?2 document, ?3 number, ?4 declared type, ?5 blob, ?6 size in bytes, ?7 now.
INSERT INTO document_versions (id, document, number, declared_type, blob, size_bytes, accepted_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
