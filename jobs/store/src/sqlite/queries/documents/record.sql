-- A document with its newest version, the chunks that any of its versions has (only one has some), its derived status
-- and its first failed stage's error. The caller adds WHERE, ORDER BY and LIMIT.
SELECT
    documents.id AS id,
    documents.tenant AS tenant,
    documents.source AS source,
    documents.title AS title,
    documents.metadata AS metadata,
    documents.created_at AS created_at,
    documents.updated_at AS updated_at,
    newest.id AS version,
    newest.number AS version_number,
    newest.declared_type AS declared_type,
    newest.blob AS blob,
    newest.size_bytes AS size_bytes,
    newest.facts AS facts,
    (SELECT sum(chunks) FROM document_versions WHERE document = documents.id) AS chunks,
    document_status.status AS status,
    failed.error_code AS error_code,
    failed.error_message AS error_message
FROM documents
JOIN document_versions AS newest ON newest.id = documents.newest_version
JOIN document_status ON document_status.document = documents.id
LEFT JOIN stage_runs AS failed
    ON failed.version = documents.newest_version
    AND (failed.stage, failed.shard) = (
        SELECT stage, shard
        FROM stage_runs
        WHERE version = documents.newest_version AND state = 'failed'
        ORDER BY
            CASE stage WHEN 'process' THEN 0 WHEN 'embed' THEN 1 WHEN 'extract' THEN 2 ELSE 3 END,
            shard
        LIMIT 1
    )
