//! `document.embed`: vectors for the chunks of one shard; a known text is never embedded again.

use std::time::Duration;

use graphmill_queue::{JobContext, Outcome, handler::Job, outcome::JobError};
use graphmill_store::{Stage, chunks::ChunkText};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Pipeline,
    stages::{StageError, StageGuard, StageTarget, fingerprint},
};

/// Texts embedded between two writes: small enough that a shutdown or a crash loses seconds, large enough for a
/// transaction to be worth it.
const WRITE_EVERY: usize = 64;

/// Embeds the chunks of one shard.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmbedDocument(pub StageTarget);

impl Job for EmbedDocument {
    const KIND: &'static str = "document.embed";
    const QUEUE: &'static str = "embedding";
    const TIMEOUT: Duration = Duration::from_mins(30);
    const MAX_ATTEMPTS: u32 = 12;
    type Context = Pipeline;

    async fn run(self, pipeline: Pipeline, job: JobContext) -> Outcome {
        let stage = StageGuard::new(&pipeline.services, &job, Stage::Embed, self.0);
        let result = embed(&pipeline, &stage, self.0).await;
        stage.outcome(result).await
    }
}

async fn embed(
    pipeline: &Pipeline,
    stage: &StageGuard<'_>,
    target: StageTarget,
) -> Result<Value, StageError> {
    let services = &pipeline.services;
    let model = services.embedder.id().to_owned();
    let chunks = services
        .store
        .shard_chunks(target.version, Stage::Embed, target.shard)
        .await?;
    if !stage.begin(&shard_fingerprint(&model, &chunks)).await? {
        stage.follow_open().await?;
        return Ok(json!({ "skipped": "unchanged" }));
    }
    let missing = services.store.missing_embeddings(&model, &chunks).await?;
    let total = missing.len();
    let mut done = 0;
    for batch in missing.chunks(WRITE_EVERY) {
        stage.check_stop()?;
        stage.job.progress(done as u64, total as u64, "embed");
        let vectors = embed_on_pool(pipeline, batch.to_vec()).await?;
        let dimension = services.embedder.dimension();
        services
            .store
            .write_embeddings(&stage.fence, &model, dimension, &vectors)
            .await?;
        done += batch.len();
    }
    stage.complete(chunks.len() as u64).await?;
    Ok(json!({ "chunks": chunks.len(), "embedded": total }))
}

async fn embed_on_pool(
    pipeline: &Pipeline,
    batch: Vec<ChunkText>,
) -> Result<Vec<(String, Vec<f32>)>, StageError> {
    let embedder = pipeline.services.embedder.clone();
    let work = move || {
        let texts: Vec<&str> = batch.iter().map(|chunk| chunk.text.as_str()).collect();
        let vectors = embedder.embed_passages(&texts)?;
        Ok(batch
            .into_iter()
            .map(|chunk| chunk.text_hash)
            .zip(vectors)
            .collect())
    };
    pipeline
        .cpu
        .run(work)
        .await?
        .map_err(|error: graphmill_embedding::EmbedError| {
            StageError::Passing(JobError::new("embedding.failed", error.to_string()))
        })
}

/// What a shard's result depends on: the method and the texts in order.
pub(super) fn shard_fingerprint(method: &str, chunks: &[ChunkText]) -> String {
    let mut parts = vec![method];
    parts.extend(
        chunks
            .iter()
            .flat_map(|chunk| [chunk.id.as_str(), chunk.text_hash.as_str()]),
    );
    fingerprint(&parts)
}
