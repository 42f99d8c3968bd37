//! Search by vectors, words and graph at once, fused by rank.

use std::collections::HashMap;

use graphmill_documents::words::search_words;
use graphmill_store::{ChunkId, search::Hit};

use crate::{
    Evidence, Query, Result, Retriever, Scores, fuse,
    local::{self, Ranked},
    naive,
    stop_words::without_stop_words,
};

/// How much a rank by vector counts.
const VECTOR_WEIGHT: f64 = 1.0;
/// How much a rank by words counts: as much, so that an exact name or number in one chunk wins against paraphrases.
const WORDS_WEIGHT: f64 = 1.0;
/// How much a rank by the graph counts: less, because a walk also comes by chunks that are merely near the subject.
const GRAPH_WEIGHT: f64 = 0.8;
/// Each list is at least this long, and this many times the results asked for: agreement of the lists further down is
/// what fusion lives on.
const MIN_POOL: usize = 50;
const POOL_FACTOR: usize = 3;
/// A hit counts if its score is at least this share of its list's best. Ranks alone cannot tell a long list of good hits
/// from one good hit with a tail of anything: in a small base every chunk is within the pool.
const MIN_SHARE: f64 = 0.5;

/// Returns the fused order, best first.
pub(crate) async fn search(retriever: &Retriever, query: &Query) -> Result<Vec<Ranked>> {
    let pool = (query.limit * POOL_FACTOR).max(MIN_POOL);
    let (vectors, words, graph) = tokio::try_join!(
        naive::nearest(retriever, query, pool),
        by_words(retriever, query, pool),
        local::named(retriever, query, pool),
    )?;
    let (vectors, words) = (without_tail(vectors), without_tail(words));
    let fused = fuse::reciprocal_ranks(&[
        (VECTOR_WEIGHT, chunks(&vectors)),
        (WORDS_WEIGHT, chunks(&words)),
        (
            GRAPH_WEIGHT,
            graph.iter().map(|hit| hit.chunk.clone()).collect(),
        ),
    ]);

    let vectors = by_chunk(vectors);
    let words = by_chunk(words);
    let mut graph: HashMap<ChunkId, Ranked> = graph
        .into_iter()
        .map(|hit| (hit.chunk.clone(), hit))
        .collect();
    Ok(fused
        .into_iter()
        .map(|(chunk, score)| {
            let (graph_score, evidence) = graph
                .remove(&chunk)
                .map_or((None, Evidence::default()), |hit| {
                    (Some(hit.score), hit.evidence)
                });
            Ranked {
                score,
                scores: Scores {
                    vector: vectors.get(&chunk).copied(),
                    words: words.get(&chunk).copied(),
                    graph: graph_score,
                },
                evidence,
                chunk,
            }
        })
        .collect())
}

/// Drops hits that are far behind the best one.
fn without_tail(mut hits: Vec<Hit>) -> Vec<Hit> {
    if let Some(best) = hits.first().map(|hit| hit.score) {
        hits.retain(|hit| hit.score >= best * MIN_SHARE);
    }
    hits
}

async fn by_words(retriever: &Retriever, query: &Query, limit: usize) -> Result<Vec<Hit>> {
    let text = query.text.clone();
    let words =
        tokio::task::spawn_blocking(move || without_stop_words(search_words(&text))).await?;
    if words.is_empty() {
        return Ok(Vec::new());
    }
    Ok(retriever
        .store
        .search_words(&query.tenant, &words, limit)
        .await?)
}

fn chunks(hits: &[Hit]) -> Vec<ChunkId> {
    hits.iter().map(|hit| hit.chunk.clone()).collect()
}

fn by_chunk(hits: Vec<Hit>) -> HashMap<ChunkId, f64> {
    hits.into_iter().map(|hit| (hit.chunk, hit.score)).collect()
}
