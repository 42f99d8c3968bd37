-- The oldest and the newest change that is kept; 0 where there is none. Two subqueries: each is one step in the key.
SELECT
    coalesce((SELECT min(seq) FROM vector_changes), 0) AS oldest,
    coalesce((SELECT max(seq) FROM vector_changes), 0) AS newest
