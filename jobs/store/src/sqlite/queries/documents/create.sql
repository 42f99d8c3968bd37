-- ?1 id, ?2 tenant, ?3 source, ?4 title, ?5 metadata (JSON), ?6 first version, ?7 now.
INSERT INTO documents (id, tenant, source, title, metadata, newest_version, created_at, updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
