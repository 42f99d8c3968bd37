-- ?1 tenant, ?2 difference.
INSERT INTO graph_totals (tenant, sentences)
VALUES (?1, ?2)
ON CONFLICT (tenant) DO UPDATE SET sentences = sentences + excluded.sentences
