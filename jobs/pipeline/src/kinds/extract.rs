//! `graph.extract`: entities and relations of the chunks of one shard, with evidence.

use std::time::Duration;

use graphmill_graph::Extraction;
use graphmill_queue::{JobContext, Outcome, handler::Job};
use graphmill_store::{
    Stage,
    chunks::ChunkText,
    graph::{CooccurrenceRow, ExtractionRow, MentionRow},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::embed::shard_fingerprint;
use crate::{
    Pipeline,
    stages::{StageError, StageGuard, StageTarget},
};

/// Texts extracted between two writes; see the embed stage.
const WRITE_EVERY: usize = 64;

/// Extracts entities and relations from the chunks of one shard.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExtractGraph(pub StageTarget);

impl Job for ExtractGraph {
    const KIND: &'static str = "graph.extract";
    const QUEUE: &'static str = "graph";
    const TIMEOUT: Duration = Duration::from_mins(30);
    const MAX_ATTEMPTS: u32 = 12;
    type Context = Pipeline;

    async fn run(self, pipeline: Pipeline, job: JobContext) -> Outcome {
        let stage = StageGuard::new(&pipeline.services, &job, Stage::Extract, self.0);
        let result = extract(&pipeline, &stage, self.0).await;
        stage.outcome(result).await
    }
}

async fn extract(
    pipeline: &Pipeline,
    stage: &StageGuard<'_>,
    target: StageTarget,
) -> Result<Value, StageError> {
    let services = &pipeline.services;
    let extractor = services.extractor.id().to_owned();
    let chunks = services
        .store
        .shard_chunks(target.version, Stage::Extract, target.shard)
        .await?;
    if !stage.begin(&shard_fingerprint(&extractor, &chunks)).await? {
        stage.follow_open().await?;
        return Ok(json!({ "skipped": "unchanged" }));
    }
    let missing = services
        .store
        .missing_extractions(&extractor, &chunks)
        .await?;
    let total = missing.len();
    let mut done = 0;
    for batch in missing.chunks(WRITE_EVERY) {
        stage.check_stop()?;
        stage.job.progress(done as u64, total as u64, "extract");
        let extractions = extract_on_pool(pipeline, batch.to_vec()).await?;
        services
            .store
            .write_extractions(&stage.fence, &extractor, &extractions)
            .await?;
        done += batch.len();
    }
    let ids: Vec<_> = chunks.into_iter().map(|chunk| chunk.id).collect();
    let mentions = services
        .store
        .apply_extractions(&stage.fence, &extractor, &ids)
        .await?;
    stage.complete(mentions).await?;
    Ok(json!({ "chunks": ids.len(), "extracted": total, "mentions": mentions }))
}

async fn extract_on_pool(
    pipeline: &Pipeline,
    batch: Vec<ChunkText>,
) -> Result<Vec<(String, ExtractionRow)>, StageError> {
    let extractor = pipeline.services.extractor.clone();
    let work = move || {
        let texts: Vec<&str> = batch.iter().map(|chunk| chunk.text.as_str()).collect();
        let extractions = extractor.extract(&texts);
        batch
            .into_iter()
            .zip(extractions)
            .map(|(chunk, found)| (chunk.text_hash, row_of(found)))
            .collect()
    };
    Ok(pipeline.cpu.run(work).await?)
}

fn row_of(extraction: Extraction) -> ExtractionRow {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    ExtractionRow {
        mentions: extraction
            .mentions
            .into_iter()
            .map(|mention| MentionRow {
                key: mention.key,
                surface: mention.surface,
                entity_type: mention.entity_type.as_str().to_owned(),
                start: offset(mention.start),
                end: offset(mention.end),
            })
            .collect(),
        cooccurrences: extraction
            .cooccurrences
            .into_iter()
            .map(|pair| CooccurrenceRow {
                source: pair.source,
                target: pair.target,
                label: pair.label,
                start: offset(pair.start),
                end: offset(pair.end),
            })
            .collect(),
    }
}
