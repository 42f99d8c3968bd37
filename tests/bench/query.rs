//! Searches over HTTP in a knowledge base of many chunks.
//!
//! The texts are sentences of real documents (the repository's own Markdown and demo files) put together anew, so that
//! words are distributed as in prose; the vectors are real for the first few thousand texts, and mixtures of two of these for
//! the rest, because embedding 100,000 texts would take the better part of an hour without changing what a search costs.

use std::{sync::Arc, time::Instant};

use anyhow::{Context, Result, ensure};
use graphmill_config::Config;
use graphmill_pipeline::Services;
use graphmill_queue::JobId;
use graphmill_store::{
    BlobHash, ChunkId, Fence, Stage,
    chunks::NewChunk,
    documents::{NewDocument, ParsedFacts},
    graph::{CooccurrenceRow, ExtractionRow, MentionRow},
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::percentile;

const CHUNKS_PER_DOCUMENT: usize = 500;
const REAL_VECTORS: usize = 2_000;
const QUERIES: usize = 200;

/// Builds a base of `chunks` chunks and asks each mode [`QUERIES`] questions, one after the other.
pub(crate) async fn run(chunks: usize) -> Result<Value> {
    let temp = tempfile::tempdir()?;
    let mut config = Config::defaults();
    config.data_dir = temp.path().to_path_buf();
    let open = Services::open(&config).await?;
    let services = open.services.clone();
    let mut random = StdRng::seed_from_u64(7);
    let sentences = sentences()?;
    let begun = Instant::now();
    fill(&services, &sentences, chunks, &mut random).await?;
    let fill_s = begun.elapsed().as_secs_f64();

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/api/query", listener.local_addr()?);
    let state =
        graphmill_api::ApiState::new(services, Arc::new(config), &prometheus::Registry::new())?;
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(graphmill_api::serve(listener, state, shutdown.clone()));
    let mut figures = json!({ "chunks": chunks, "fill_chunks_per_s": chunks as f64 / fill_s });
    for mode in ["naive", "local", "hybrid"] {
        figures[mode] = ask(&url, mode, &sentences, &mut random).await?;
    }
    figures["rss_mb"] = json!(crate::process::memory_mb(std::process::id(), "VmRSS")?);
    shutdown.cancel();
    server.await??;
    Ok(figures)
}

async fn ask(url: &str, mode: &str, sentences: &[String], random: &mut StdRng) -> Result<Value> {
    let client = reqwest::Client::new();
    let mut milliseconds = Vec::with_capacity(QUERIES);
    for number in 0..QUERIES + 5 {
        let query = sentences.choose(random).context("sentences")?;
        let body = json!({ "query": query, "mode": mode, "limit": 10 });
        let begun = Instant::now();
        let answer = client.post(url).json(&body).send().await?;
        ensure!(answer.status().is_success(), "{}", answer.text().await?);
        let _: Value = answer.json().await?;
        // The first few load the index and warm the caches.
        if number >= 5 {
            milliseconds.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    milliseconds.sort_by(f64::total_cmp);
    Ok(
        json!({ "p50_ms": percentile(&milliseconds, 0.5), "p99_ms": percentile(&milliseconds, 0.99) }),
    )
}

/// Sentences of real documents in both languages.
fn sentences() -> Result<Vec<String>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut sentences = Vec::new();
    for folder in ["cli/demo/documents", ".", "docs"] {
        for entry in std::fs::read_dir(root.join(folder))? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|ext| ext == "md" || ext == "txt" || ext == "html")
            {
                let bytes = std::fs::read(&path)?;
                let limits = graphmill_documents::limits::Limits::default();
                let document = graphmill_documents::parse::parse_bytes(&bytes, None, &limits)?;
                sentences.extend(
                    graphmill_documents::sentences::sentence_spans(&document.text)
                        .into_iter()
                        .map(|span| document.text[span].trim().to_owned())
                        .filter(|sentence| (20..400).contains(&sentence.len())),
                );
            }
        }
    }
    Ok(sentences)
}

async fn fill(
    services: &Services,
    sentences: &[String],
    chunks: usize,
    random: &mut StdRng,
) -> Result<()> {
    let mut vectors: Vec<Vec<f32>> = Vec::new();
    for document in 0..chunks.div_ceil(CHUNKS_PER_DOCUMENT) {
        let count = CHUNKS_PER_DOCUMENT.min(chunks - document * CHUNKS_PER_DOCUMENT);
        let texts: Vec<String> = (0..count)
            .map(|index| {
                let picked: Vec<&str> = (0..5)
                    .filter_map(|_| sentences.choose(random))
                    .map(String::as_str)
                    .collect();
                format!("{} ({document}-{index})", picked.join(" "))
            })
            .collect();
        write_document(services, document, &texts, &mut vectors, random).await?;
    }
    Ok(())
}

async fn write_document(
    services: &Services,
    number: usize,
    texts: &[String],
    vectors: &mut Vec<Vec<f32>>,
    random: &mut StdRng,
) -> Result<()> {
    let source = format!("bench/{number}");
    let accepted = services
        .store
        .accept_document(&NewDocument {
            tenant: "default".to_owned(),
            source: source.clone(),
            title: source.clone(),
            declared_type: None,
            blob: BlobHash::of(source.as_bytes()),
            size_bytes: texts.iter().map(String::len).sum::<usize>() as u64,
            metadata: json!({}),
        })
        .await?;
    let fence = |stage, job_id: JobId| Fence {
        version: accepted.version,
        stage,
        shard: 0,
        job_id,
        epoch: 1,
    };
    let process = fence(Stage::Process, accepted.job_id);
    services.store.begin_stage(&process, "bench").await?;
    let rows = rows(&source, texts);
    let facts = ParsedFacts {
        file_type: "text".to_owned(),
        ..ParsedFacts::default()
    };
    let open = services
        .store
        .replace_chunks(&process, &facts, &rows, u32::MAX)
        .await?;
    for stage in open {
        let fence = fence(stage.stage, stage.job_id);
        services.store.begin_stage(&fence, "bench").await?;
        if stage.stage == Stage::Embed {
            let embedded: Vec<_> = rows
                .iter()
                .map(|row| {
                    Ok((
                        row.text_hash.clone(),
                        vector(services, &row.text, vectors, random)?,
                    ))
                })
                .collect::<Result<_>>()?;
            let (model, dimension) = (services.embedder.id(), services.embedder.dimension());
            services
                .store
                .write_embeddings(&fence, model, dimension, &embedded)
                .await?;
        } else {
            let extractions: Vec<_> = rows
                .iter()
                .map(|row| (row.text_hash.clone(), names(&row.text)))
                .collect();
            let ids: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
            services
                .store
                .write_extractions(&fence, "bench", &extractions)
                .await?;
            services
                .store
                .apply_extractions(&fence, "bench", &ids)
                .await?;
        }
        services.store.complete_stage(&fence, 0).await?;
    }
    Ok(())
}

fn rows(source: &str, texts: &[String]) -> Vec<NewChunk> {
    texts
        .iter()
        .enumerate()
        .map(|(ordinal, text)| NewChunk {
            id: ChunkId::derive(&[source, text]),
            ordinal: ordinal as u32,
            words: graphmill_documents::words::index_words(text),
            text_hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
            start: 0,
            end: text.len() as u64,
            start_char: 0,
            end_char: text.chars().count() as u64,
            page: None,
            last_page: None,
            heading_path: Vec::new(),
            tokens: 200,
            text: text.clone(),
        })
        .collect()
}

fn vector(
    services: &Services,
    text: &str,
    real: &mut Vec<Vec<f32>>,
    random: &mut StdRng,
) -> Result<Vec<f32>> {
    if real.len() < REAL_VECTORS {
        let vector = services.embedder.embed_passages(&[text])?.remove(0);
        real.push(vector.clone());
        return Ok(vector);
    }
    let (one, other) = (
        real.choose(random).context("real")?,
        real.choose(random).context("real")?,
    );
    let share: f32 = random.random_range(0.2..0.8);
    let mut mixed: Vec<f32> = one
        .iter()
        .zip(other)
        .map(|(a, b)| a * share + b * (1.0 - share) + random.random_range(-0.01..0.01))
        .collect();
    let norm = mixed.iter().map(|x| x * x).sum::<f32>().sqrt();
    for x in &mut mixed {
        *x /= norm;
    }
    Ok(mixed)
}

/// Capitalised words as entities: a graph of realistic density at no cost.
fn names(text: &str) -> ExtractionRow {
    let mut row = ExtractionRow::default();
    let mut last: Option<String> = None;
    for (start, word) in text
        .match_indices(|c: char| c.is_ascii_uppercase())
        .filter_map(|(start, _)| {
            let end = text[start..]
                .find(|c: char| !c.is_ascii_alphanumeric())
                .map_or(text.len(), |at| start + at);
            (end - start > 4).then(|| (start, &text[start..end]))
        })
    {
        let key = word.to_lowercase();
        let (from, to) = (start as u32, (start + word.len()) as u32);
        row.mentions.push(MentionRow {
            key: key.clone(),
            surface: word.to_owned(),
            entity_type: "other".to_owned(),
            start: from,
            end: to,
        });
        if let Some(previous) = last.filter(|previous| *previous != key) {
            let (source, target) = if previous < key {
                (previous, key.clone())
            } else {
                (key.clone(), previous)
            };
            row.cooccurrences.push(CooccurrenceRow {
                source,
                target,
                label: None,
                start: from,
                end: to,
            });
        }
        last = Some(key);
    }
    row
}
