-- What the process stage found out. ?1 version, ?2 facts (JSON), ?3 file type, ?4 number of chunks.
UPDATE document_versions
SET facts = ?2, file_type = ?3, chunks = ?4
WHERE id = ?1
