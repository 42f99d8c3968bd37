//! A bounded walk over the graph: from the entities a question names to what they are connected with.
//!
//! Seeds start with an activation of their rarity. An entity passes `activation × share × DECAY` along each of its
//! heaviest relations, where `share` is the relation's weight by the heaviest one's; two hops, the second from the most
//! active neighbours only. Activations add up, so what several seeds are connected with stands out. Every bound is a
//! constant below: a walk costs at most `MAX_SEEDS + SECOND_HOP` lists of relations.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use graphmill_graph::normal_form;
use graphmill_store::{
    EntityId,
    graph::{EntityRecord, RelationRecord},
};

use crate::{Result, Retriever};

/// What is left of an activation after a hop.
const DECAY: f64 = 0.5;
/// Relations followed from one entity.
const FAN_OUT: usize = 24;
/// Neighbours that are walked on from.
const SECOND_HOP: usize = 8;
/// Entities kept beside the seeds.
const MAX_NEIGHBOURS: usize = 32;
/// Relations kept.
const MAX_EDGES: usize = 48;
/// The least share of a relation: one that is weak or below chance still connects.
const MIN_SHARE: f64 = 0.05;
/// Store calls in flight.
pub(crate) const CONCURRENCY: usize = 4;

/// An entity the walk came to.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) id: EntityId,
    pub(crate) name: String,
    pub(crate) entity_type: String,
    /// Chunks that name it.
    pub(crate) chunks: u64,
    pub(crate) activation: f64,
    /// The seeds it was reached from, as bits.
    pub(crate) seeds: u32,
}

impl Node {
    /// How much a chunk that names it gains.
    pub(crate) fn gain(&self) -> f64 {
        self.activation * rarity(self.chunks)
    }
}

/// A relation the walk followed.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    pub(crate) relation: RelationRecord,
    /// What went along it: how much a chunk that states it gains.
    pub(crate) flow: f64,
    /// The seeds it came from, as bits.
    pub(crate) seeds: u32,
}

/// Where a walk came.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Seeds, then neighbours by falling gain.
    pub(crate) nodes: Vec<Node>,
    /// By falling flow.
    pub(crate) edges: Vec<Edge>,
    /// How many seeds it began with.
    pub(crate) seeds: usize,
}

/// Says how much an entity tells apart: 1 when one chunk names it, falling with the logarithm of their number.
pub(crate) fn rarity(chunks: u64) -> f64 {
    1.0 / (1.0 + (chunks.max(1) as f64).ln())
}

/// Walks from `seeds` (at most 32) through the graph of `tenant`.
pub(crate) async fn from_seeds(
    retriever: &Retriever,
    tenant: &str,
    seeds: Vec<EntityRecord>,
) -> Result<Walk> {
    let starts: Vec<Start> = seeds
        .iter()
        .enumerate()
        .map(|(index, seed)| Start {
            id: seed.id.clone(),
            activation: rarity(seed.chunks),
            seeds: 1 << index,
        })
        .collect();
    let mut reached = Reached::default();
    reached.hop(retriever, tenant, &starts).await?;
    let onward = reached.most_active(&starts);
    reached.hop(retriever, tenant, &onward).await?;

    let seed_ids: Vec<&EntityId> = seeds.iter().map(|seed| &seed.id).collect();
    reached.neighbours.retain(|id, _| !seed_ids.contains(&id));
    let neighbours = describe(retriever, tenant, reached.neighbours).await?;
    let mut nodes: Vec<Node> = seeds
        .into_iter()
        .zip(&starts)
        .map(|(seed, start)| Node {
            id: seed.id,
            name: seed.name,
            entity_type: seed.entity_type,
            chunks: seed.chunks,
            activation: start.activation,
            seeds: start.seeds,
        })
        .collect();
    nodes.extend(neighbours);

    let mut edges: Vec<Edge> = reached.edges.into_values().collect();
    edges.sort_by(|a, b| {
        b.flow
            .total_cmp(&a.flow)
            .then_with(|| a.relation.id.cmp(&b.relation.id))
    });
    edges.truncate(MAX_EDGES);
    Ok(Walk {
        seeds: starts.len(),
        nodes,
        edges,
    })
}

/// An entity to walk on from.
struct Start {
    id: EntityId,
    activation: f64,
    seeds: u32,
}

#[derive(Default)]
struct Neighbour {
    name: String,
    activation: f64,
    seeds: u32,
}

/// What the hops so far came to.
#[derive(Default)]
struct Reached {
    neighbours: HashMap<EntityId, Neighbour>,
    edges: HashMap<graphmill_store::RelationId, Edge>,
}

impl Reached {
    async fn hop(&mut self, retriever: &Retriever, tenant: &str, starts: &[Start]) -> Result<()> {
        let calls: Vec<_> = starts
            .iter()
            .map(|start| {
                retriever
                    .store
                    .list_relations(tenant, Some(&start.id), FAN_OUT)
            })
            .collect();
        let lists: Vec<Vec<RelationRecord>> = stream::iter(calls)
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        for (start, relations) in starts.iter().zip(lists) {
            self.spread(start, relations);
        }
        Ok(())
    }

    fn spread(&mut self, start: &Start, relations: Vec<RelationRecord>) {
        let heaviest = relations
            .iter()
            .map(|relation| relation.weight)
            .fold(f64::MIN_POSITIVE, f64::max);
        for relation in relations {
            let share = (relation.weight / heaviest).max(MIN_SHARE);
            let flow = start.activation * share * DECAY;
            let (other, name) = if relation.source == start.id {
                (&relation.target, &relation.target_name)
            } else {
                (&relation.source, &relation.source_name)
            };
            let neighbour = self.neighbours.entry(other.clone()).or_default();
            neighbour.name.clone_from(name);
            neighbour.activation += flow;
            neighbour.seeds |= start.seeds;

            let edge = self
                .edges
                .entry(relation.id.clone())
                .or_insert_with(|| Edge {
                    relation,
                    flow: 0.0,
                    seeds: 0,
                });
            edge.flow += flow;
            edge.seeds |= start.seeds;
        }
    }

    fn most_active(&self, starts: &[Start]) -> Vec<Start> {
        let mut onward: Vec<Start> = self
            .neighbours
            .iter()
            .filter(|(id, _)| !starts.iter().any(|start| start.id == **id))
            .map(|(id, neighbour)| Start {
                id: id.clone(),
                activation: neighbour.activation,
                seeds: neighbour.seeds,
            })
            .collect();
        onward.sort_by(|a, b| {
            b.activation
                .total_cmp(&a.activation)
                .then_with(|| a.id.cmp(&b.id))
        });
        onward.truncate(SECOND_HOP);
        onward
    }
}

/// Looks the neighbours up by their names, for their types and how rare they are, and keeps those that count most.
async fn describe(
    retriever: &Retriever,
    tenant: &str,
    neighbours: HashMap<EntityId, Neighbour>,
) -> Result<Vec<Node>> {
    let mut keys: Vec<String> = neighbours
        .values()
        .map(|neighbour| normal_form(&neighbour.name))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let known: HashMap<EntityId, EntityRecord> = retriever
        .store
        .entities_by_keys(tenant, &keys)
        .await?
        .into_iter()
        .map(|entity| (entity.id.clone(), entity))
        .collect();
    let mut nodes: Vec<Node> = neighbours
        .into_iter()
        .filter_map(|(id, neighbour)| {
            let entity = known.get(&id)?;
            Some(Node {
                id,
                name: neighbour.name,
                entity_type: entity.entity_type.clone(),
                chunks: entity.chunks,
                activation: neighbour.activation,
                seeds: neighbour.seeds,
            })
        })
        .collect();
    nodes.sort_by(|a, b| b.gain().total_cmp(&a.gain()).then_with(|| a.id.cmp(&b.id)));
    nodes.truncate(MAX_NEIGHBOURS);
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rarity_falls_from_one_and_stays_positive() {
        assert!((rarity(0) - 1.0).abs() < 1e-12);
        assert!((rarity(1) - 1.0).abs() < 1e-12);
        let mut last = 1.0;
        for chunks in [2, 10, 1_000, 1_000_000] {
            let now = rarity(chunks);
            assert!(now > 0.0 && now < last);
            last = now;
        }
    }
}
