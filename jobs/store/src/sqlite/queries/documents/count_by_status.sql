-- ?1 tenant, or NULL for all.
SELECT document_status.status AS status, count(*) AS documents
FROM documents
JOIN document_status ON document_status.document = documents.id
WHERE ?1 IS NULL OR documents.tenant = ?1
GROUP BY document_status.status
