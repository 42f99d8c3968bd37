//! Documents written as lists of paragraphs, taken through the pipeline's verbs without a pipeline.

use graphmill_queue::JobId;
use graphmill_store::{
    BlobHash, ChunkId, DocumentId, Fence, KnowledgeStore, Stage, VersionId,
    chunks::{ChunkText, NewChunk},
    documents::{Accepted, NewDocument, ParsedFacts},
    graph::{CooccurrenceRow, ExtractionRow, MentionRow},
    stages::{Begun, OpenStage},
};

pub const TENANT: &str = "default";
pub const MODEL: &str = "test-model";
pub const EXTRACTOR: &str = "test-extractor";
pub const DIMENSION: usize = 16;
/// Small, so that a few paragraphs make several shards.
pub const SHARD_CHUNKS: u32 = 2;

/// A document whose bytes are its paragraphs.
pub fn document(source: &str, paragraphs: &[&str]) -> NewDocument {
    let bytes = paragraphs.join("\n");
    NewDocument {
        tenant: TENANT.to_owned(),
        source: source.to_owned(),
        title: format!("title of {source}"),
        declared_type: None,
        blob: BlobHash::of(bytes.as_bytes()),
        size_bytes: bytes.len() as u64,
        metadata: serde_json::json!({ "source": source }),
    }
}

/// A lease of a job that is newer than any before.
pub fn lease(version: VersionId, stage: Stage, shard: u32) -> Fence {
    Fence {
        version,
        stage,
        shard,
        job_id: JobId::new(),
        epoch: 1,
    }
}

pub async fn begin(
    store: &dyn KnowledgeStore,
    version: VersionId,
    stage: Stage,
    shard: u32,
) -> Fence {
    let fence = lease(version, stage, shard);
    assert_eq!(
        store.begin_stage(&fence, "fingerprint").await.unwrap(),
        Begun::Started
    );
    fence
}

/// One chunk a paragraph. Its words are its text's, split at spaces and stops.
pub fn chunks(document: DocumentId, paragraphs: &[&str]) -> Vec<NewChunk> {
    let mut start = 0;
    let mut chunks: Vec<NewChunk> = Vec::new();
    for (ordinal, text) in paragraphs.iter().enumerate() {
        let earlier = paragraphs[..ordinal]
            .iter()
            .filter(|other| *other == text)
            .count();
        chunks.push(NewChunk {
            id: ChunkId::derive(&[&document.to_string(), text, &earlier.to_string()]),
            ordinal: ordinal as u32,
            text: (*text).to_owned(),
            text_hash: BlobHash::of(text.as_bytes()).to_string(),
            start,
            end: start + text.len() as u64,
            start_char: start,
            end_char: start + text.chars().count() as u64,
            page: Some(1),
            last_page: Some(1),
            heading_path: vec!["heading".to_owned()],
            tokens: 7,
            words: text.replace(['.', ','], " ").to_lowercase(),
        });
        start += text.len() as u64 + 1;
    }
    chunks
}

pub fn facts() -> ParsedFacts {
    ParsedFacts {
        file_type: "text".to_owned(),
        pages: 1,
        ..ParsedFacts::default()
    }
}

/// A vector that depends on the text alone.
pub fn vector(text: &str) -> Vec<f32> {
    let mut bytes = [0; DIMENSION];
    blake3::Hasher::new()
        .update(text.as_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    normalised(bytes.map(|byte| f32::from(byte) - 127.5).to_vec())
}

pub fn normalised(mut values: Vec<f32>) -> Vec<f32> {
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    for value in &mut values {
        *value /= length;
    }
    values
}

/// Words with a capital are entities, in any spelling; two of them in a sentence are related; `~Word` is a product.
pub fn extraction(text: &str) -> ExtractionRow {
    let mut rows = ExtractionRow::default();
    let mut start = 0;
    for sentence in text.split('.') {
        let end = start + sentence.len();
        let mut keys = std::collections::BTreeSet::new();
        let mut at = start;
        for word in sentence.split(' ') {
            let name = word.trim_start_matches('~');
            if name.starts_with(char::is_uppercase) {
                let offset = at + word.len() - name.len();
                rows.mentions.push(MentionRow {
                    key: name.to_lowercase(),
                    surface: name.to_owned(),
                    entity_type: if name == word { "concept" } else { "product" }.to_owned(),
                    start: offset as u32,
                    end: (offset + name.len()) as u32,
                });
                keys.insert(name.to_lowercase());
            }
            at += word.len() + 1;
        }
        let label = sentence
            .split(' ')
            .find(|word| word.ends_with("ing"))
            .map(str::to_owned);
        for source in &keys {
            for target in keys.range::<String, _>((
                std::ops::Bound::Excluded(source),
                std::ops::Bound::Unbounded,
            )) {
                rows.cooccurrences.push(CooccurrenceRow {
                    source: source.clone(),
                    target: target.clone(),
                    label: label.clone(),
                    start: start as u32,
                    end: end as u32,
                });
            }
        }
        start = end + 1;
    }
    rows
}

/// Accepts and processes a document; returns the stages that may run then.
pub async fn process(
    store: &dyn KnowledgeStore,
    document: &NewDocument,
    paragraphs: &[&str],
) -> (Accepted, Vec<OpenStage>) {
    let accepted = store.accept_document(document).await.unwrap();
    let fence = begin(store, accepted.version, Stage::Process, 0).await;
    let open = store
        .replace_chunks(
            &fence,
            &facts(),
            &chunks(accepted.document, paragraphs),
            SHARD_CHUNKS,
        )
        .await
        .unwrap();
    (accepted, open)
}

pub async fn embed(store: &dyn KnowledgeStore, version: VersionId, shard: u32) -> u64 {
    let fence = begin(store, version, Stage::Embed, shard).await;
    let texts = store
        .shard_chunks(version, Stage::Embed, shard)
        .await
        .unwrap();
    let missing = store.missing_embeddings(MODEL, &texts).await.unwrap();
    let vectors: Vec<_> = missing
        .iter()
        .map(|chunk| (chunk.text_hash.clone(), vector(&chunk.text)))
        .collect();
    let written = store
        .write_embeddings(&fence, MODEL, DIMENSION, &vectors)
        .await
        .unwrap();
    store
        .complete_stage(&fence, texts.len() as u64)
        .await
        .unwrap();
    written
}

/// Extracts one shard; returns how many texts had to be read.
pub async fn extract(store: &dyn KnowledgeStore, version: VersionId, shard: u32) -> usize {
    let fence = begin(store, version, Stage::Extract, shard).await;
    let texts = store
        .shard_chunks(version, Stage::Extract, shard)
        .await
        .unwrap();
    let missing = store.missing_extractions(EXTRACTOR, &texts).await.unwrap();
    let rows: Vec<_> = missing
        .iter()
        .map(|chunk| (chunk.text_hash.clone(), extraction(&chunk.text)))
        .collect();
    store
        .write_extractions(&fence, EXTRACTOR, &rows)
        .await
        .unwrap();
    let ids: Vec<_> = texts.into_iter().map(|chunk: ChunkText| chunk.id).collect();
    let mentions = store
        .apply_extractions(&fence, EXTRACTOR, &ids)
        .await
        .unwrap();
    store.complete_stage(&fence, mentions).await.unwrap();
    missing.len()
}

/// Takes a document through every stage.
pub async fn ingest(store: &dyn KnowledgeStore, source: &str, paragraphs: &[&str]) -> Accepted {
    ingest_document(store, &document(source, paragraphs), paragraphs).await
}

pub async fn ingest_document(
    store: &dyn KnowledgeStore,
    document: &NewDocument,
    paragraphs: &[&str],
) -> Accepted {
    let (accepted, open) = process(store, document, paragraphs).await;
    for open in open {
        match open.stage {
            Stage::Embed => drop(embed(store, open.version, open.shard).await),
            Stage::Extract => drop(extract(store, open.version, open.shard).await),
            Stage::Process | Stage::Finalize => {}
        }
    }
    let open = store.open_stages_of(accepted.version).await.unwrap();
    assert_eq!(open.len(), 1);
    let fence = begin(store, accepted.version, Stage::Finalize, 0).await;
    assert_eq!(store.complete_stage(&fence, 0).await.unwrap(), None);
    accepted
}

/// Deletes a document as the delete job does.
pub async fn delete(store: &dyn KnowledgeStore, id: DocumentId) {
    assert!(store.mark_deleting(id).await.unwrap());
    let removed = store.remove_document(id).await.unwrap();
    for blob in removed.blobs {
        assert!(!store.blob_in_use(&blob).await.unwrap());
        assert!(store.forget_blob(&blob).await.unwrap());
    }
}

/// Forgets every blob that is unused.
pub async fn sweep_blobs(store: &dyn KnowledgeStore) {
    for blob in store.unused_blobs(1_000).await.unwrap() {
        assert!(store.forget_blob(&blob).await.unwrap());
    }
}
