-- Removes the stage rows of a document's versions, except one. ?1 document, ?2 the version that stays, or NULL.
DELETE FROM stage_runs
WHERE version IN (SELECT id FROM document_versions WHERE document = ?1 AND id IS NOT ?2)
