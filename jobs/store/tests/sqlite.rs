//! The conformance cases on real SQLite files, and what only a file can show.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop; clippy exempts only functions marked as tests"
)]

mod conformance;

use std::sync::Arc;

use graphmill_queue::{
    clock::SystemClock,
    sqlite::{Database, OpenOptions},
};
use graphmill_store::{
    DocumentId, KnowledgeStore, SqliteStore, Stage,
    chunks::Chunks,
    documents::Documents,
    graph::{ContentHashes, Graph},
    search::Search,
    stages::Stages,
};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::conformance::fixture::{
    DIMENSION, EXTRACTOR, MODEL, SHARD_CHUNKS, TENANT, begin, chunks, delete, document, embed,
    extraction, facts, ingest, sweep_blobs, vector,
};

async fn open(folder: &TempDir) -> (SqliteStore, Database) {
    open_with(folder, OpenOptions::default()).await
}

/// Opens the file as one of several processes does.
async fn open_shared(folder: &TempDir) -> (SqliteStore, Database) {
    let options = OpenOptions {
        shared: true,
        ..OpenOptions::default()
    };
    open_with(folder, options).await
}

async fn open_with(folder: &TempDir, options: OpenOptions) -> (SqliteStore, Database) {
    let database = Database::open(folder.path().join("graphmill.db"), options)
        .await
        .unwrap();
    let store = SqliteStore::open(database.clone(), Arc::new(SystemClock))
        .await
        .unwrap();
    (store, database)
}

macro_rules! run_on_sqlite {
    ($($module:ident :: $case:ident;)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let folder = TempDir::new().unwrap();
                let (store, _database) = open(&folder).await;
                conformance::$module::$case(&store).await;
            }
        )*
    };
}

for_each_case!(run_on_sqlite);

macro_rules! run_on_shared_sqlite {
    ($($module:ident :: $case:ident;)*) => {
        mod shared {
            use super::*;
            $(
                #[tokio::test]
                async fn $case() {
                    let folder = TempDir::new().unwrap();
                    let (store, _database) = open_shared(&folder).await;
                    conformance::$module::$case(&store).await;
                }
            )*
        }
    };
}

for_each_case!(run_on_shared_sqlite);

/// Returns every table of the knowledge base that holds a row.
async fn tables_with_rows(database: &Database) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master
         WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'chunks_fts_%'",
    )
    .fetch_all(database.readers())
    .await
    .unwrap();
    let mut filled = Vec::new();
    for table in tables {
        // The queue's own tables and the migrations' history are nobody's knowledge.
        if !is_knowledge(&table) {
            continue;
        }
        let count = format!("SELECT count(*) FROM {table}");
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count))
            .fetch_one(database.readers())
            .await
            .unwrap();
        if rows > 0 {
            filled.push(table);
        }
    }
    filled
}

fn is_knowledge(table: &str) -> bool {
    let migration = include_str!("../../../migrations/sqlite/20261124000002_knowledge.sql");
    migration.contains(&format!("TABLE {table} "))
}

#[tokio::test]
async fn deleting_every_document_leaves_every_table_empty() {
    let folder = TempDir::new().unwrap();
    let (store, database) = open(&folder).await;
    let first = ingest(&store, "a", &["Alpha meeting Beta.", "Gamma."]).await;
    let second = ingest(&store, "b", &["Alpha meeting Delta.", "Gamma."]).await;
    ingest(&store, "b", &["Alpha using Delta."]).await;
    // All of them had rows, or their being empty would say nothing.
    let migration = include_str!("../../../migrations/sqlite/20261124000002_knowledge.sql");
    let tables = migration.matches("\nCREATE TABLE ").count()
        + migration.matches("\nCREATE VIRTUAL TABLE ").count();
    assert_eq!(tables_with_rows(&database).await.len(), tables);
    delete(&store, first.document).await;
    delete(&store, second.document).await;
    sweep_blobs(&store).await;
    assert_eq!(tables_with_rows(&database).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_database_that_was_closed_holds_everything() {
    let folder = TempDir::new().unwrap();
    let before = {
        let (store, database) = open(&folder).await;
        ingest(&store, "a", &["Alpha meets Beta.", "Gamma."]).await;
        let hashes = store.content_hashes().await.unwrap();
        drop(store);
        database.close().await.unwrap();
        hashes
    };
    let (store, _database) = open(&folder).await;
    assert_eq!(store.content_hashes().await.unwrap(), before);
    let hits = store
        .search_vectors(TENANT, MODEL, &vector("Gamma."), 1)
        .await
        .unwrap();
    assert!((hits[0].score - 1.0).abs() < 1e-6);
}

/// A call that is dropped half-way, as by a shutdown, is a transaction that never was.
#[tokio::test]
async fn a_dropped_call_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let (store, _database) = open(&folder).await;
    let texts: Vec<String> = (0..50)
        .map(|n| format!("Alpha{n} meets Beta{n}."))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let accepted = store.accept_document(&document("a", &texts)).await.unwrap();
    let fence = begin(&store, accepted.version, Stage::Process, 0).await;
    let before = store.content_hashes().await.unwrap();
    let parsed = chunks(accepted.document, &texts);
    // Polled a growing number of times, so that it is dropped at every place once.
    for polls in 0..20 {
        let facts = facts();
        let mut call = store.replace_chunks(&fence, &facts, &parsed, SHARD_CHUNKS);
        for _ in 0..polls {
            if futures::poll!(&mut call).is_ready() {
                return;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
        assert_eq!(store.content_hashes().await.unwrap(), before);
    }
    store
        .replace_chunks(&fence, &facts(), &parsed, SHARD_CHUNKS)
        .await
        .unwrap();
    assert_eq!(store.totals().await.unwrap().chunks, 50);
}

/// What happens to a set of documents, in some order.
#[derive(Debug, Clone)]
enum Step {
    Ingest {
        source: u8,
        text: u8,
    },
    /// Processed and embedded, but not extracted, when the next step comes.
    Interrupt {
        source: u8,
        text: u8,
    },
    Delete {
        source: u8,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4_u8, 0..6_u8).prop_map(|(source, text)| Step::Ingest { source, text }),
        1 => (0..4_u8, 0..6_u8).prop_map(|(source, text)| Step::Interrupt { source, text }),
        1 => (0..4_u8).prop_map(|source| Step::Delete { source }),
    ];
    proptest::collection::vec(step, 1..14)
}

fn paragraphs(text: u8) -> &'static [&'static str] {
    const TEXTS: [&[&str]; 6] = [
        &["Alpha meeting Beta. Gamma.", "ALPHA using Beta."],
        &[
            "Beta meeting Gamma.",
            "Alpha meeting Beta. Gamma.",
            "nothing named",
        ],
        &[
            "~Alpha using Delta. ~Alpha using Beta.",
            "Beta meeting Gamma.",
        ],
        &["Epsilon.", "Epsilon.", "Alpha meeting Beta. Gamma."],
        &[],
        &[
            "BETA meeting ~Gamma meeting Delta.",
            "ALPHA using Beta.",
            "Epsilon.",
        ],
    ];
    TEXTS[usize::from(text)]
}

/// Takes the steps; returns which text each source has in the end.
async fn take(store: &dyn KnowledgeStore, steps: &[Step]) -> Vec<Option<u8>> {
    let mut texts = vec![None; 4];
    let mut ids: Vec<Option<DocumentId>> = vec![None; 4];
    for step in steps {
        match *step {
            Step::Ingest { source, text } => {
                if texts[usize::from(source)] != Some(text) {
                    let name = format!("s{source}");
                    let accepted = ingest(store, &name, paragraphs(text)).await;
                    ids[usize::from(source)] = Some(accepted.document);
                    texts[usize::from(source)] = Some(text);
                    sweep_blobs(store).await;
                }
            }
            Step::Interrupt { source, text } => {
                if texts[usize::from(source)] == Some(text) {
                    continue;
                }
                let name = format!("s{source}");
                let new = document(&name, paragraphs(text));
                let (accepted, open) =
                    conformance::fixture::process(store, &new, paragraphs(text)).await;
                for open in open.iter().filter(|open| open.stage == Stage::Embed) {
                    embed(store, accepted.version, open.shard).await;
                }
                delete(store, accepted.document).await;
                ids[usize::from(source)] = None;
                texts[usize::from(source)] = None;
                sweep_blobs(store).await;
            }
            Step::Delete { source } => {
                if let Some(id) = ids[usize::from(source)].take() {
                    delete(store, id).await;
                    texts[usize::from(source)] = None;
                    sweep_blobs(store).await;
                }
            }
        }
    }
    texts
}

/// Searches for each paragraph there is.
async fn search_all(store: &SqliteStore) -> Vec<Vec<graphmill_store::search::Hit>> {
    let mut found = Vec::new();
    for text in (0..6).flat_map(paragraphs) {
        let query = vector(text);
        found.push(
            store
                .search_vectors(TENANT, MODEL, &query, 3)
                .await
                .unwrap(),
        );
    }
    found
}

async fn hashes_after(steps: &[Step]) -> (ContentHashes, Vec<Option<u8>>) {
    let folder = TempDir::new().unwrap();
    let (store, database) = open(&folder).await;
    // Syncing to disk is not what these tests are about, and they do it thousands of times.
    sqlx::query("PRAGMA synchronous = OFF")
        .execute(database.writer())
        .await
        .unwrap();
    let texts = take(&store, steps).await;
    (store.content_hashes().await.unwrap(), texts)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever came and went: the knowledge base is what the documents that are there say.
    #[test]
    fn content_does_not_depend_on_history(steps in steps(), seed in 0..24_usize) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (after_history, texts) = hashes_after(&steps).await;
            let mut fresh: Vec<Step> = texts
                .iter()
                .enumerate()
                .filter_map(|(source, text)| {
                    Some(Step::Ingest { source: source as u8, text: (*text)? })
                })
                .collect();
            if !fresh.is_empty() {
                let by = seed % fresh.len();
                fresh.rotate_left(by);
                if seed % 2 == 1 {
                    fresh.reverse();
                }
            }
            let (after_fresh, _) = hashes_after(&fresh).await;
            assert_eq!(after_history, after_fresh);
        });
    }

    /// One process writes, another searches all the while: in the end it finds what one finds that has just begun.
    #[test]
    fn an_index_follows_what_another_process_commits(steps in steps()) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let folder = TempDir::new().unwrap();
            let (writer, database) = open_shared(&folder).await;
            sqlx::query("PRAGMA synchronous = OFF")
                .execute(database.writer())
                .await
                .unwrap();
            let (reader, _other) = open_shared(&folder).await;
            let done = std::sync::atomic::AtomicBool::new(false);
            let writing = async {
                take(&writer, &steps).await;
                done.store(true, std::sync::atomic::Ordering::Release);
            };
            let searching = async {
                while !done.load(std::sync::atomic::Ordering::Acquire) {
                    search_all(&reader).await;
                }
            };
            tokio::join!(writing, searching);
            let (fresh, _third) = open_shared(&folder).await;
            let expected = search_all(&fresh).await;
            assert_eq!(search_all(&reader).await, expected);
            assert_eq!(search_all(&writer).await, expected);
        });
    }

    #[test]
    fn no_word_is_a_syntax_error(words in proptest::collection::vec(any::<String>(), 0..6)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let folder = TempDir::new().unwrap();
            let (store, _database) = open(&folder).await;
            let texts: Vec<&str> = words.iter().map(String::as_str).collect();
            ingest(&store, "a", &texts).await;
            let asked: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
            store.search_words(TENANT, &asked, 5).await.unwrap();
            for word in &asked {
                let hits = store.search_words(TENANT, std::slice::from_ref(word), 5).await.unwrap();
                let has_word = word
                    .split(|c: char| c.is_whitespace() || c.is_control() || ".,".contains(c))
                    .any(|part| !part.is_empty());
                // A word with a stop inside is more than one word of the text.
                if has_word && !word.contains(['.', ',']) {
                    prop_assert!(!hits.is_empty(), "{word:?} is not found");
                }
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn writers_of_different_documents_do_not_disturb_each_other() {
    let folder = TempDir::new().unwrap();
    let (store, _database) = open(&folder).await;
    let store = Arc::new(store);
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let texts = [format!("Alpha meets Beta{n}."), "Shared.".to_owned()];
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            ingest(&*store, &format!("s{n}"), &texts).await;
            let query = vector("Shared.");
            let hits = store.search_vectors(TENANT, MODEL, &query, 100).await;
            assert!(!hits.unwrap().is_empty());
        });
    }
    while let Some(written) = writers.join_next().await {
        written.unwrap();
    }
    let hits = store
        .search_vectors(TENANT, MODEL, &vector("Shared."), 100)
        .await
        .unwrap();
    assert_eq!(hits.len(), 16);
    let alpha = &store.list_entities(TENANT, None, 1).await.unwrap()[0];
    assert_eq!((alpha.mentions, alpha.documents), (8, 8));
    assert_eq!(extraction("Alpha.").mentions.len(), 1);
    assert_eq!((DIMENSION, EXTRACTOR), (16, "test-extractor"));
    assert!(store.open_stages(None, 10).await.unwrap().is_empty());
}
