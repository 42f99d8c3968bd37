-- What committed transactions changed for searches by vector, written while several processes share the file: each of
-- them keeps an index in memory and follows the others here. The newest rows are kept; who has missed older ones loads
-- its index anew.
CREATE TABLE vector_changes (
    -- Never given out twice, so that "after the last one I saw" misses nothing.
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant  TEXT NOT NULL,
    -- Whose vectors were added; NULL where chunks went.
    model   TEXT,
    -- JSON: chunks that went, or pairs [embedding, chunk] that came. Numbers (`seq`) of this file.
    entries TEXT NOT NULL CHECK (json_valid(entries))
) STRICT;
