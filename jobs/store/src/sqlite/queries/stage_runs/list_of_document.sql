-- ?1 document.
SELECT stage_runs.*
FROM documents
JOIN stage_runs ON stage_runs.version = documents.newest_version
WHERE documents.id = ?1
