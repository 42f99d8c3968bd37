-- ?1 id, ?2 document, ?3 version, ?4 ordinal, ?5 hash of the text, ?6 hash of the words, ?7 start, ?8 end,
-- ?9 first character, ?10 one past the last, ?11 first page, ?12 last page, ?13 tokens, ?14 headings (JSON), ?15 text.
INSERT INTO chunks (
    id, document, version, ordinal, text_hash, words_hash, start, "end",
    start_char, end_char, page, last_page, tokens, heading_path, text
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
