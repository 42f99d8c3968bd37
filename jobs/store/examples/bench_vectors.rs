//! Fills a store with chunks and clustered random vectors and measures writes and exact searches.
//!
//! `cargo run --release -p graphmill-store --example bench_vectors -- [chunks] [dimension] [queries]` prints one JSON
//! object: rows a second of each bulk write, milliseconds of loading and of searching (p50, p99), resident bytes before
//! and after the index is in memory, and how many answers differ from brute force (which must be 0).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use graphmill_queue::{
    JobId,
    clock::SystemClock,
    sqlite::{Database, OpenOptions},
};
use graphmill_store::{
    BlobHash, ChunkId, DocumentId, Fence, SqliteStore, Stage, VersionId,
    chunks::{Chunks, NewChunk},
    documents::{Documents, NewDocument, ParsedFacts},
    embeddings::Embeddings,
    search::Search,
    stages::Stages,
};
use rand::{Rng, SeedableRng, rngs::StdRng};

const TENANT: &str = "default";
const MODEL: &str = "bench";
const CHUNKS_PER_DOCUMENT: usize = 1_000;
const CLUSTERS: usize = 200;
const TOP: usize = 10;
/// Queries that are answered by brute force too.
const CHECKED: usize = 20;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: usize| match arguments.next() {
        Some(number) => number.parse().context("arguments are numbers"),
        None => Ok(default),
    };
    let (chunks, dimension, queries) = (next(100_000)?, next(512)?, next(500)?);
    let folder = tempfile::tempdir()?;
    let database = Database::open(folder.path().join("bench.db"), OpenOptions::default()).await?;
    let store = SqliteStore::open(database, Arc::new(SystemClock)).await?;
    let mut random = StdRng::seed_from_u64(7);
    let clusters: Vec<Vec<f32>> = (0..CLUSTERS)
        .map(|_| unit(&mut random, None, dimension))
        .collect();
    let vectors: Vec<Vec<f32>> = (0..chunks)
        .map(|n| unit(&mut random, Some(&clusters[n % CLUSTERS]), dimension))
        .collect();

    let mut chunk_time = Duration::ZERO;
    let mut vector_time = Duration::ZERO;
    let mut ids = Vec::with_capacity(chunks);
    for (place, vectors) in vectors.chunks(CHUNKS_PER_DOCUMENT).enumerate() {
        let (document, version, parsed) = parse(&store, place, vectors.len()).await?;
        let fence = begin(&store, version, Stage::Process).await?;
        let started = Instant::now();
        store
            .replace_chunks(&fence, &ParsedFacts::default(), &parsed, u32::MAX)
            .await?;
        chunk_time += started.elapsed();
        let fence = begin(&store, version, Stage::Embed).await?;
        let rows: Vec<_> = parsed
            .iter()
            .zip(vectors)
            .map(|(chunk, vector)| (chunk.text_hash.clone(), vector.clone()))
            .collect();
        let started = Instant::now();
        store
            .write_embeddings(&fence, MODEL, dimension, &rows)
            .await?;
        vector_time += started.elapsed();
        ids.extend(parsed.into_iter().map(|chunk| chunk.id));
        debug_assert!(document.as_uuid().get_version_num() == 7);
    }

    let resident_before = resident_bytes();
    let started = Instant::now();
    store
        .search_vectors(TENANT, MODEL, &vectors[0], TOP)
        .await?;
    let load_time = started.elapsed();
    let resident_after = resident_bytes();

    let mut times = Vec::with_capacity(queries);
    let mut wrong = 0;
    for n in 0..queries {
        let query = unit(&mut random, Some(&clusters[n % CLUSTERS]), dimension);
        let started = Instant::now();
        let hits = store.search_vectors(TENANT, MODEL, &query, TOP).await?;
        times.push(started.elapsed());
        if n < CHECKED {
            let found: Vec<_> = hits.into_iter().map(|hit| hit.chunk).collect();
            wrong += usize::from(found != brute_force(&ids, &vectors, &query));
        }
    }
    times.sort_unstable();
    let percentile = |p: usize| times[(times.len() - 1) * p / 100].as_secs_f64() * 1e3;
    let mut word_times = Vec::new();
    for n in 0..queries.min(200) {
        let words = [format!("word{}", n % 977), format!("common{}", n % 7)];
        let started = Instant::now();
        store.search_words(TENANT, &words, TOP).await?;
        word_times.push(started.elapsed());
    }
    word_times.sort_unstable();
    print(&serde_json::json!({
        "chunks": chunks,
        "dimension": dimension,
        "chunk_rows_per_second": chunks as f64 / chunk_time.as_secs_f64(),
        "embedding_rows_per_second": chunks as f64 / vector_time.as_secs_f64(),
        "index_load_ms": load_time.as_secs_f64() * 1e3,
        "vector_search_ms_p50": percentile(50),
        "vector_search_ms_p99": percentile(99),
        "word_search_ms_p50": word_times[word_times.len() / 2].as_secs_f64() * 1e3,
        "resident_bytes_before_load": resident_before,
        "resident_bytes_after_load": resident_after,
        "answers_unlike_brute_force": wrong,
    }));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result of a benchmark")]
fn print(result: &serde_json::Value) {
    println!("{result:#}");
}

async fn parse(
    store: &SqliteStore,
    place: usize,
    chunks: usize,
) -> anyhow::Result<(DocumentId, VersionId, Vec<NewChunk>)> {
    let source = format!("document {place}");
    let accepted = store
        .accept_document(&NewDocument {
            tenant: TENANT.to_owned(),
            source: source.clone(),
            title: source.clone(),
            declared_type: None,
            blob: BlobHash::of(source.as_bytes()),
            size_bytes: 1,
            metadata: serde_json::json!({}),
        })
        .await?;
    let parsed = (0..chunks)
        .map(|ordinal| {
            // 200 words, of a vocabulary of some thousand.
            let text: String = (0..200)
                .map(|n| match n % 20 {
                    0 => format!("common{} ", (ordinal + n) % 7),
                    _ => format!("word{} ", (ordinal * 31 + n * 17 + place * 7) % 4_001),
                })
                .chain([format!("unique{place}x{ordinal}")])
                .collect();
            NewChunk {
                id: ChunkId::derive(&[&source, &text]),
                ordinal: ordinal as u32,
                text_hash: BlobHash::of(text.as_bytes()).to_string(),
                words: text.clone(),
                text,
                start: 0,
                end: 1,
                start_char: 0,
                end_char: 1,
                page: None,
                last_page: None,
                heading_path: Vec::new(),
                tokens: 300,
            }
        })
        .collect();
    Ok((accepted.document, accepted.version, parsed))
}

async fn begin(store: &SqliteStore, version: VersionId, stage: Stage) -> anyhow::Result<Fence> {
    let fence = Fence {
        version,
        stage,
        shard: 0,
        job_id: JobId::new(),
        epoch: 1,
    };
    store.begin_stage(&fence, "bench").await?;
    Ok(fence)
}

/// Returns a random direction, near a centre if there is one.
fn unit(random: &mut StdRng, centre: Option<&[f32]>, dimension: usize) -> Vec<f32> {
    // Twelve uniform values make a normal one, near enough.
    let mut normal = || (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0;
    let scale = 1.0 / (dimension as f32).sqrt();
    let values: Vec<f32> = (0..dimension)
        .map(|n| match centre {
            // Cosines within a cluster are around 0.6, as those of related sentences.
            Some(centre) => centre[n] + 0.8 * scale * normal(),
            None => scale * normal(),
        })
        .collect();
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.into_iter().map(|value| value / length).collect()
}

fn brute_force(ids: &[ChunkId], vectors: &[Vec<f32>], query: &[f32]) -> Vec<ChunkId> {
    let mut scored: Vec<(f64, &ChunkId)> = vectors
        .iter()
        .zip(ids)
        .map(|(vector, id)| {
            let score = vector
                .iter()
                .zip(query)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum();
            (score, id)
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored
        .into_iter()
        .take(TOP)
        .map(|(_, id)| id.clone())
        .collect()
}

/// Returns the process's resident memory, 0 where it cannot be told.
fn resident_bytes() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .map_or(0, |kib| kib * 1024)
}
