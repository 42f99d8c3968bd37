-- The best chunks that have any of the words, with whether this tenant may find them. Only these few are looked up in
-- other tables. FTS5's rank is its bm25, which is negative: smaller is better.
-- ?1 match expression, ?2 tenant, ?3 how many.
SELECT
    chunks.id AS id,
    -matched.rank AS score,
    documents.tenant = ?2 AND documents.deleting_at IS NULL AS is_visible
FROM (SELECT rowid, rank FROM chunks_fts WHERE chunks_fts MATCH ?1 ORDER BY rank LIMIT ?3) AS matched
CROSS JOIN chunks ON chunks.seq = matched.rowid
CROSS JOIN documents ON documents.id = chunks.document
