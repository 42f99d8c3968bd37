-- Every chunk that has any of the words and that this tenant may find, the best first.
-- ?1 match expression, ?2 tenant, ?3 limit.
SELECT chunks.id, -matched.rank AS score
FROM (SELECT rowid, rank FROM chunks_fts WHERE chunks_fts MATCH ?1) AS matched
CROSS JOIN chunks ON chunks.seq = matched.rowid
CROSS JOIN documents ON documents.id = chunks.document
WHERE documents.tenant = ?2 AND documents.deleting_at IS NULL
ORDER BY score DESC, chunks.id
LIMIT ?3
