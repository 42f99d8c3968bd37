//! Search by the graph: chunks that give evidence for what the question names and for what that is connected with.
//!
//! A chunk gains `activation × rarity` for every entity of the walk it names, and the flow of every relation of the walk
//! it states; the sum is scaled by how many of the question's entities it is connected with (half of it for none, all
//! of it for all), so that a chunk about the whole question comes before one about a part.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use graphmill_store::{ChunkId, graph::EntityRecord};

use crate::{
    Evidence, EvidenceEntity, EvidenceRelation, Query, Result, Retriever, Scores,
    evidence::MAX_SHOWN,
    naive, seeds,
    walk::{self, CONCURRENCY, Walk},
};

/// Places read for one entity, and for one relation. What more chunks than this name tells little apart.
const ENTITY_PLACES: usize = 256;
const RELATION_PLACES: usize = 64;
/// When a question names no entity, those of this many nearest chunks stand in.
const NEAREST: usize = 3;

/// A chunk with its place in an order.
#[derive(Debug, Clone)]
pub(crate) struct Ranked {
    pub(crate) chunk: ChunkId,
    pub(crate) score: f64,
    pub(crate) scores: Scores,
    pub(crate) evidence: Evidence,
}

/// Returns the chunks around what the question names, best first; around its nearest chunks when it names nothing.
pub(crate) async fn search(retriever: &Retriever, query: &Query) -> Result<Vec<Ranked>> {
    let mut seeds = seeds::named_in(retriever, &query.tenant, &query.text).await?;
    if seeds.is_empty() {
        seeds = of_nearest(retriever, query).await?;
    }
    around(retriever, &query.tenant, seeds, query.limit * 2).await
}

/// Returns the chunks around what the question names, best first; none when it names nothing.
pub(crate) async fn named(
    retriever: &Retriever,
    query: &Query,
    limit: usize,
) -> Result<Vec<Ranked>> {
    let seeds = seeds::named_in(retriever, &query.tenant, &query.text).await?;
    around(retriever, &query.tenant, seeds, limit).await
}

async fn of_nearest(retriever: &Retriever, query: &Query) -> Result<Vec<EntityRecord>> {
    let ids: Vec<ChunkId> = naive::nearest(retriever, query, NEAREST)
        .await?
        .into_iter()
        .map(|hit| hit.chunk)
        .collect();
    let chunks = retriever.store.get_chunks(&ids).await?;
    let texts = chunks.into_iter().map(|chunk| chunk.text).collect();
    seeds::named_in_chunks(retriever, &query.tenant, texts).await
}

async fn around(
    retriever: &Retriever,
    tenant: &str,
    seeds: Vec<EntityRecord>,
    limit: usize,
) -> Result<Vec<Ranked>> {
    if seeds.is_empty() {
        return Ok(Vec::new());
    }
    let walk = walk::from_seeds(retriever, tenant, seeds).await?;
    let supports = collect_support(retriever, &walk).await?;
    let mut ranked: Vec<(ChunkId, Support, f64)> = supports
        .into_iter()
        .map(|(chunk, support)| {
            let score = support.score(walk.seeds);
            (chunk, support, score)
        })
        .collect();
    ranked.sort_by(|a, b| b.2.total_cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
    ranked.truncate(limit);
    Ok(ranked
        .into_iter()
        .map(|(chunk, support, score)| Ranked {
            chunk,
            score,
            scores: Scores {
                graph: Some(score),
                ..Scores::default()
            },
            evidence: support.shown(&walk),
        })
        .collect())
}

/// What of a walk a chunk gives evidence for.
#[derive(Debug, Default)]
struct Support {
    gain: f64,
    seeds: u32,
    /// Indexes into [`Walk::nodes`], rising.
    nodes: Vec<usize>,
    /// Indexes into [`Walk::edges`], rising.
    edges: Vec<usize>,
}

impl Support {
    fn score(&self, seeds: usize) -> f64 {
        let coverage = f64::from(self.seeds.count_ones()) / seeds as f64;
        self.gain * (0.5 + 0.5 * coverage)
    }

    /// Nodes and edges stand by falling weight in the walk (seeds first), so the first indexes are the ones to show.
    fn shown(&self, walk: &Walk) -> Evidence {
        Evidence {
            entities: self
                .nodes
                .iter()
                .take(MAX_SHOWN)
                .map(|&index| EvidenceEntity {
                    name: walk.nodes[index].name.clone(),
                    entity_type: walk.nodes[index].entity_type.clone(),
                })
                .collect(),
            relations: self
                .edges
                .iter()
                .take(MAX_SHOWN)
                .map(|&index| {
                    let relation = &walk.edges[index].relation;
                    EvidenceRelation {
                        source: relation.source_name.clone(),
                        target: relation.target_name.clone(),
                        label: relation.label.clone(),
                        weight: relation.weight,
                    }
                })
                .collect(),
        }
    }
}

/// Reads where the walk's entities are named and its relations stated, and adds up what each chunk gains: once for an
/// entity or relation, however often the chunk names it.
async fn collect_support(retriever: &Retriever, walk: &Walk) -> Result<HashMap<ChunkId, Support>> {
    let store = &retriever.store;
    let naming: Vec<_> = walk
        .nodes
        .iter()
        .map(|node| store.entity_evidence(&node.id, ENTITY_PLACES))
        .collect();
    let stating: Vec<_> = walk
        .edges
        .iter()
        .map(|edge| store.relation_evidence(&edge.relation.id, RELATION_PLACES))
        .collect();
    let named: Vec<_> = stream::iter(naming)
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    let stated: Vec<_> = stream::iter(stating)
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;

    let mut supports: HashMap<ChunkId, Support> = HashMap::new();
    for (index, places) in named.into_iter().enumerate() {
        let node = &walk.nodes[index];
        for place in places {
            let support = supports.entry(place.chunk).or_default();
            if support.nodes.last() != Some(&index) {
                support.nodes.push(index);
                support.gain += node.gain();
                support.seeds |= node.seeds;
            }
        }
    }
    for (index, places) in stated.into_iter().enumerate() {
        let edge = &walk.edges[index];
        for place in places {
            let support = supports.entry(place.chunk).or_default();
            if support.edges.last() != Some(&index) {
                support.edges.push(index);
                support.gain += edge.flow;
                support.seeds |= edge.seeds;
            }
        }
    }
    Ok(supports)
}
