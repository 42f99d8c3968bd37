//! `document.process`: bytes become text, text becomes chunks.

use std::time::Duration;

use graphmill_documents::{Chunk, Document, ErrorCode, chunk::chunk_document, words::index_words};
use graphmill_queue::{JobContext, Outcome, handler::Job, outcome::JobError};
use graphmill_store::{ChunkId, DocumentId, Stage, chunks::NewChunk, documents::ParsedFacts};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;

use crate::{
    Pipeline,
    context::EmbedderTokens,
    stages::{StageError, StageGuard, StageTarget, fingerprint},
};

/// Grows when parsing or chunking changes what comes out of the same bytes.
const PROCESS_VERSION: &str = "process-v1";

/// Parses and chunks one version of a document.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProcessDocument(pub StageTarget);

impl Job for ProcessDocument {
    const KIND: &'static str = "document.process";
    const QUEUE: &'static str = "documents";
    const TIMEOUT: Duration = Duration::from_mins(10);
    const MAX_ATTEMPTS: u32 = 8;
    type Context = Pipeline;

    async fn run(self, pipeline: Pipeline, job: JobContext) -> Outcome {
        let stage = StageGuard::new(&pipeline.services, &job, Stage::Process, self.0);
        let result = process(&pipeline, &stage, self.0).await;
        stage.outcome(result).await
    }
}

async fn process(
    pipeline: &Pipeline,
    stage: &StageGuard<'_>,
    target: StageTarget,
) -> Result<Value, StageError> {
    let services = &pipeline.services;
    let document = services
        .store
        .get_document(target.document)
        .await?
        .ok_or(StageError::Void)?;
    if document.version != target.version {
        return Err(StageError::Void);
    }
    let chunk = pipeline.settings.chunk;
    let fingerprint = fingerprint(&[
        PROCESS_VERSION,
        document.blob.as_str(),
        services.embedder.id(),
        &chunk.to_string(),
    ]);
    if !stage.begin(&fingerprint).await? {
        stage.follow_open().await?;
        return Ok(json!({ "skipped": "unchanged" }));
    }
    stage.job.progress(0, 3, "parse");
    let parsed = parse(
        pipeline,
        stage,
        &document.blob,
        document.declared_type.clone(),
    )
    .await?;
    stage.check_stop()?;

    stage.job.progress(1, 3, "chunk");
    let (facts, chunks) = chunk_on_pool(pipeline, target.document, parsed).await?;
    stage.check_stop()?;

    stage.job.progress(2, 3, "write");
    let shard_chunks = pipeline.settings.shard_chunks;
    let next = services
        .store
        .replace_chunks(&stage.fence, &facts, &chunks, shard_chunks)
        .await?;
    stage.follow(&next).await?;
    Ok(json!({ "file_type": facts.file_type, "pages": facts.pages, "chunks": chunks.len() }))
}

/// Reads the blob and has it parsed.
async fn parse(
    pipeline: &Pipeline,
    stage: &StageGuard<'_>,
    blob: &graphmill_store::BlobHash,
    declared_type: Option<String>,
) -> Result<Document, StageError> {
    let bytes = pipeline.services.blobs.get(blob).await?;
    let cancelled = stage.job.cancelled();
    let parsed = pipeline.parser.parse(bytes, declared_type, cancelled).await;
    if cancelled.is_cancelled() {
        return Err(StageError::Cancelled);
    }
    parsed.map_err(|error| {
        let job_error = JobError::new(error.code.as_str(), error.message);
        // A parser may die of what else the machine was doing: one more try tells. Its time limit is long enough not
        // to be spent twice.
        let may_pass =
            matches!(error.code, ErrorCode::Crashed | ErrorCode::Memory) && stage.job.attempt() < 2;
        if may_pass {
            StageError::Passing(job_error)
        } else {
            StageError::Final(job_error)
        }
    })
}

/// Cuts the document and prepares its rows, on the CPU pool.
async fn chunk_on_pool(
    pipeline: &Pipeline,
    document: DocumentId,
    parsed: Document,
) -> Result<(ParsedFacts, Vec<NewChunk>), StageError> {
    let counter = EmbedderTokens(pipeline.services.embedder.clone());
    let options = pipeline.settings.chunk;
    let work = move || {
        let chunks = chunk_document(&parsed, &counter, &options);
        (facts_of(parsed), rows_of(document, chunks))
    };
    Ok(pipeline.cpu.run(work).await?)
}

fn facts_of(parsed: Document) -> ParsedFacts {
    ParsedFacts {
        pages: u32::try_from(parsed.pages.len()).unwrap_or(u32::MAX),
        characters: parsed.text.chars().count() as u64,
        file_type: parsed.file_type,
        encoding: parsed.encoding,
        language: parsed.language,
        parsed_title: parsed.title,
        warnings: parsed.warnings,
    }
}

/// Gives each chunk its stable id: equal texts under equal headings are told apart by counting them.
fn rows_of(document: DocumentId, chunks: Vec<Chunk>) -> Vec<NewChunk> {
    let document = document.to_string();
    let mut seen: HashMap<(Vec<String>, String), u32> = HashMap::new();
    chunks
        .into_iter()
        .map(|chunk| {
            let occurrence = seen
                .entry((chunk.heading_path.clone(), chunk.text_hash.clone()))
                .or_default();
            let id = ChunkId::derive(&[
                &document,
                &chunk.heading_path.join("\u{1f}"),
                &chunk.text_hash,
                &occurrence.to_string(),
            ]);
            *occurrence += 1;
            NewChunk {
                id,
                ordinal: chunk.ordinal,
                words: index_words(&chunk.text),
                text: chunk.text,
                text_hash: chunk.text_hash,
                start: chunk.start as u64,
                end: chunk.end as u64,
                start_char: chunk.start_char as u64,
                end_char: chunk.end_char as u64,
                page: chunk.page,
                last_page: chunk.last_page,
                heading_path: chunk.heading_path,
                tokens: chunk.tokens,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(ordinal: u32, heading: &str, text: &str) -> Chunk {
        Chunk {
            ordinal,
            text: text.to_owned(),
            start: 0,
            end: text.len(),
            start_char: 0,
            end_char: text.chars().count(),
            overlap: 0,
            page: None,
            last_page: None,
            heading_path: vec![heading.to_owned()],
            tokens: 1,
            text_hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
        }
    }

    #[test]
    fn an_edit_leaves_the_ids_of_other_chunks_as_they_were() {
        let document = DocumentId::new();
        let before = rows_of(
            document,
            vec![
                chunk(0, "A", "one"),
                chunk(1, "A", "two"),
                chunk(2, "B", "three"),
            ],
        );
        let after = rows_of(
            document,
            vec![
                chunk(0, "A", "new"),
                chunk(1, "A", "one"),
                chunk(2, "B", "three"),
            ],
        );
        assert_eq!(before[0].id, after[1].id);
        assert_eq!(before[2].id, after[2].id);
        assert_ne!(before[1].id, after[0].id);
    }

    #[test]
    fn equal_texts_in_one_document_have_different_ids() {
        let rows = rows_of(
            DocumentId::new(),
            vec![
                chunk(0, "A", "same"),
                chunk(1, "A", "same"),
                chunk(2, "B", "same"),
            ],
        );
        assert_ne!(rows[0].id, rows[1].id);
        assert_ne!(rows[0].id, rows[2].id);
    }
}
