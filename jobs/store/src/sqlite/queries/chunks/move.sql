-- A chunk that stays: its place is new, its id, text and headings are not.
-- ?1 chunk, ?2 version, ?3 ordinal, ?4 hash of words, ?5 start, ?6 end, ?7 first character, ?8 one past the last,
-- ?9 first page, ?10 last page, ?11 tokens.
UPDATE chunks
SET
    version = ?2,
    ordinal = ?3,
    words_hash = ?4,
    start = ?5,
    "end" = ?6,
    start_char = ?7,
    end_char = ?8,
    page = ?9,
    last_page = ?10,
    tokens = ?11
WHERE seq = ?1
