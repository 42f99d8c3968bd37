-- The knowledge base's tables. Instants are milliseconds since 1970, UTC; ids of documents, versions and jobs are UUIDs
-- as 16 bytes; ids of chunks, entities and relations are 32 hex digits; `seq` is a row's number inside this file only.

-- What the blob store holds. A blob that no version uses is unused: its bytes may go, and then its row.
CREATE TABLE blobs (
    hash         TEXT    NOT NULL PRIMARY KEY,
    size_bytes   INTEGER NOT NULL CHECK (size_bytes >= 0),
    created_at   INTEGER NOT NULL,
    unused_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX blobs_unused ON blobs (unused_at) WHERE unused_at IS NOT NULL;

-- A document over all its versions. Its status is not here: see the view `document_status`.
CREATE TABLE documents (
    id             BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    tenant         TEXT    NOT NULL,
    source         TEXT    NOT NULL,
    title          TEXT    NOT NULL,
    metadata       TEXT    NOT NULL CHECK (json_valid(metadata)),
    -- The version that counts: every write of another one is refused.
    newest_version BLOB    NOT NULL CHECK (length(newest_version) = 16),
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    deleting_at    INTEGER,
    -- Its identity; `source` first, so that a source is found without knowing the tenant.
    UNIQUE (source, tenant)
) STRICT, WITHOUT ROWID;

CREATE INDEX documents_tenant ON documents (tenant, id);
CREATE INDEX documents_deleting ON documents (deleting_at, id) WHERE deleting_at IS NOT NULL;

CREATE TABLE document_versions (
    id             BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    document       BLOB    NOT NULL REFERENCES documents (id),
    number         INTEGER NOT NULL CHECK (number >= 1),
    declared_type  TEXT,
    blob           TEXT    NOT NULL REFERENCES blobs (hash),
    size_bytes     INTEGER NOT NULL CHECK (size_bytes >= 0),
    -- What parsing found out, JSON; `file_type` beside it because lists filter by it.
    facts          TEXT    CHECK (facts IS NULL OR json_valid(facts)),
    file_type      TEXT,
    -- Chunks it has: only one version of a document has any.
    chunks         INTEGER NOT NULL DEFAULT 0,
    accepted_at    INTEGER NOT NULL,
    UNIQUE (document, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX document_versions_blob ON document_versions (blob);

-- Which step of which version has been done, by whom, from what input.
CREATE TABLE stage_runs (
    version        BLOB    NOT NULL REFERENCES document_versions (id),
    stage          TEXT    NOT NULL CHECK (stage IN ('process', 'embed', 'extract', 'finalize')),
    shard          INTEGER NOT NULL CHECK (shard >= 0),
    state          TEXT    NOT NULL DEFAULT 'pending'
                           CHECK (state IN ('pending', 'running', 'completed', 'failed')),
    fingerprint    TEXT,
    -- The job that is to run it, runs or ran it: given out with the row, so that a lost job is found by its id.
    job_id         BLOB    NOT NULL CHECK (length(job_id) = 16),
    epoch          INTEGER NOT NULL DEFAULT 0,
    -- The chunks of an embed or extract shard: ordinals from, to (exclusive).
    first_ordinal  INTEGER NOT NULL DEFAULT 0,
    end_ordinal    INTEGER NOT NULL DEFAULT 0,
    attempt        INTEGER NOT NULL DEFAULT 0,
    items          INTEGER NOT NULL DEFAULT 0,
    error_code     TEXT,
    error_message  TEXT,
    started_at     INTEGER,
    finished_at    INTEGER,
    PRIMARY KEY (version, stage, shard),
    CHECK ((finished_at IS NOT NULL) = (state IN ('completed', 'failed'))),
    CHECK ((error_code IS NOT NULL) = (state = 'failed'))
) STRICT, WITHOUT ROWID;

-- The one derivation of a document's status. The subquery reads the few stage rows of one version by primary key.
CREATE VIEW document_status AS
SELECT
    documents.id AS document,
    CASE
        WHEN documents.deleting_at IS NOT NULL THEN 'deleting'
        ELSE (
            SELECT CASE
                WHEN total(state = 'failed') > 0 THEN 'failed'
                WHEN total(stage = 'finalize' AND state = 'completed') > 0 THEN 'completed'
                WHEN total(stage = 'process' AND state = 'completed') > 0
                    AND total(stage = 'embed' AND state <> 'completed') = 0 THEN 'searchable'
                WHEN total(state <> 'pending') > 0 THEN 'processing'
                ELSE 'pending'
            END
            FROM stage_runs
            WHERE stage_runs.version = documents.newest_version
        )
    END AS status
FROM documents;

-- Small columns stand before the text, so that joins need not read past a row's first page.
CREATE TABLE chunks (
    seq          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    -- The version's document, once more: search filters by it. No foreign key, which would need an index to delete by.
    document     BLOB    NOT NULL,
    version      BLOB    NOT NULL REFERENCES document_versions (id),
    -- Negative only inside the transaction that renumbers a document's chunks.
    ordinal      INTEGER NOT NULL,
    text_hash    TEXT    NOT NULL,
    -- Of the words the full-text row was made from: it holds no copy of them to compare with.
    words_hash   TEXT    NOT NULL,
    start        INTEGER NOT NULL,
    "end"        INTEGER NOT NULL,
    start_char   INTEGER NOT NULL,
    end_char     INTEGER NOT NULL,
    page         INTEGER,
    last_page    INTEGER,
    tokens       INTEGER NOT NULL,
    -- JSON array of headings, outermost first.
    heading_path TEXT    NOT NULL CHECK (json_valid(heading_path)),
    text         TEXT    NOT NULL,
    UNIQUE (version, ordinal),
    CHECK (start <= "end" AND start_char <= end_char)
) STRICT;

-- Which chunks share a text: its vector and its extraction live as long as there is one.
CREATE INDEX chunks_text_hash ON chunks (text_hash);

-- Words come segmented, so only separators and control characters end one: `c++`, `4.2` and `机器学习` are words.
-- The index keeps no copy of the words (they follow from the text); rowid is `chunks.seq`.
CREATE VIRTUAL TABLE chunks_fts USING fts5 (
    words,
    content = '',
    contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* M* N* P* S* Co Cn Cf'"
);

-- A model's vectors all have one dimension; the number saves counting them.
CREATE TABLE embedding_models (
    model     TEXT    NOT NULL PRIMARY KEY,
    dimension INTEGER NOT NULL CHECK (dimension > 0),
    vectors   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- L2-normalised little-endian f32. A rowid table: long rows are appended, only the short key is sorted in.
CREATE TABLE embeddings (
    seq       INTEGER PRIMARY KEY,
    text_hash TEXT    NOT NULL,
    model     TEXT    NOT NULL,
    vector    BLOB    NOT NULL,
    UNIQUE (text_hash, model)
) STRICT;

-- What one text says, JSON.
CREATE TABLE extractions (
    seq       INTEGER PRIMARY KEY,
    text_hash TEXT    NOT NULL,
    extractor TEXT    NOT NULL,
    body      TEXT    NOT NULL CHECK (json_valid(body)),
    UNIQUE (text_hash, extractor)
) STRICT;

-- Sums over entity_support, kept up to date by differences, never recounted.
CREATE TABLE knowledge_entities (
    seq         INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    tenant      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    -- The most frequent alias and type; ties go to the smallest.
    name        TEXT    NOT NULL DEFAULT '',
    entity_type TEXT    NOT NULL DEFAULT '',
    mentions    INTEGER NOT NULL DEFAULT 0,
    chunks      INTEGER NOT NULL DEFAULT 0,
    documents   INTEGER NOT NULL DEFAULT 0,
    -- Sentences in which it is named beside another one.
    sentences   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, key)
) STRICT;

CREATE INDEX knowledge_entities_mentions ON knowledge_entities (tenant, mentions DESC, key);

-- How often an entity is spelled how.
CREATE TABLE entity_aliases (
    entity   INTEGER NOT NULL REFERENCES knowledge_entities (seq),
    surface  TEXT    NOT NULL,
    mentions INTEGER NOT NULL,
    PRIMARY KEY (entity, surface)
) STRICT, WITHOUT ROWID;

CREATE INDEX entity_aliases_mentions ON entity_aliases (entity, mentions DESC, surface);

-- How often an entity is seen as what.
CREATE TABLE entity_types (
    entity      INTEGER NOT NULL REFERENCES knowledge_entities (seq),
    entity_type TEXT    NOT NULL,
    mentions    INTEGER NOT NULL,
    PRIMARY KEY (entity, entity_type)
) STRICT, WITHOUT ROWID;

-- In how many chunks of a document an entity is named.
CREATE TABLE entity_documents (
    entity   INTEGER NOT NULL REFERENCES knowledge_entities (seq),
    document BLOB    NOT NULL REFERENCES documents (id),
    chunks   INTEGER NOT NULL,
    PRIMARY KEY (entity, document)
) STRICT, WITHOUT ROWID;

CREATE INDEX entity_documents_document ON entity_documents (document);

-- Where a chunk names an entity, in bytes of the chunk's text.
CREATE TABLE entity_support (
    chunk       INTEGER NOT NULL REFERENCES chunks (seq),
    entity      INTEGER NOT NULL REFERENCES knowledge_entities (seq),
    start       INTEGER NOT NULL,
    "end"       INTEGER NOT NULL,
    surface     TEXT    NOT NULL,
    entity_type TEXT    NOT NULL,
    PRIMARY KEY (chunk, start, "end", entity)
) STRICT, WITHOUT ROWID;

CREATE INDEX entity_support_entity ON entity_support (entity);

-- Sums over relation_support. The weight depends on the tenant's total and is computed when it is read.
CREATE TABLE knowledge_relations (
    seq       INTEGER PRIMARY KEY,
    id        TEXT    NOT NULL UNIQUE,
    tenant    TEXT    NOT NULL,
    source    INTEGER NOT NULL REFERENCES knowledge_entities (seq),
    target    INTEGER NOT NULL REFERENCES knowledge_entities (seq),
    -- The most frequent label; ties go to the smallest.
    label     TEXT,
    sentences INTEGER NOT NULL DEFAULT 0,
    UNIQUE (source, target)
) STRICT;

CREATE INDEX knowledge_relations_target ON knowledge_relations (target);
CREATE INDEX knowledge_relations_sentences ON knowledge_relations (tenant, sentences);

-- How often which verb stands between the two.
CREATE TABLE relation_labels (
    relation  INTEGER NOT NULL REFERENCES knowledge_relations (seq),
    label     TEXT    NOT NULL,
    sentences INTEGER NOT NULL,
    PRIMARY KEY (relation, label)
) STRICT, WITHOUT ROWID;

-- Which sentence of a chunk names both ends, in bytes of the chunk's text.
CREATE TABLE relation_support (
    chunk    INTEGER NOT NULL REFERENCES chunks (seq),
    relation INTEGER NOT NULL REFERENCES knowledge_relations (seq),
    start    INTEGER NOT NULL,
    "end"    INTEGER NOT NULL,
    label    TEXT,
    PRIMARY KEY (chunk, start, "end", relation)
) STRICT, WITHOUT ROWID;

CREATE INDEX relation_support_relation ON relation_support (relation);

-- Sentences that name two entities or more, over all chunks of a tenant: the total in a relation's weight.
CREATE TABLE graph_totals (
    tenant    TEXT    NOT NULL PRIMARY KEY,
    sentences INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
