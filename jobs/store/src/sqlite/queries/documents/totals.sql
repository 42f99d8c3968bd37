-- Each count reads its table's smallest index.
SELECT
    (SELECT count(*) FROM documents) AS documents,
    (SELECT count(*) FROM chunks) AS chunks,
    (SELECT coalesce(sum(vectors), 0) FROM embedding_models) AS embeddings,
    (SELECT count(*) FROM knowledge_entities) AS entities,
    (SELECT count(*) FROM knowledge_relations) AS relations,
    (
        SELECT coalesce(sum(document_versions.size_bytes), 0)
        FROM documents
        JOIN document_versions ON document_versions.id = documents.newest_version
    ) AS bytes
