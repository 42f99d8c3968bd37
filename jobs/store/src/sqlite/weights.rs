//! How heavy a relation is, and which are the heaviest.
//!
//! The weight is pointwise mutual information, weighted by frequency, over the sentences that name two entities or more.
//! With *n* such sentences, *c* of them naming both ends, and *a* and *b* naming each:
//!
//! w = c/n · log₂(c·n / (a·b))
//!
//! Every write changes *n* and with it every weight, so weights are not stored but computed when they are read. The
//! heaviest relations are still found without reading all of them: as a, b ≥ c, w is at most c/n · log₂(n/c), which rises
//! with c as long as c < n/e. Relations are read from the most frequent on, until even that bound is below the last one
//! kept (Fagin's threshold algorithm with one list).

use std::{cmp::Ordering, collections::BinaryHeap, f64::consts::E};

use futures::TryStreamExt;
use sqlx::SqliteConnection;

use super::{encoding::json_rows, sql};
use crate::{EntityId, RelationId, Result, graph::RelationRecord};

/// What a relation's weight is computed from.
#[derive(Debug, sqlx::FromRow)]
struct Counted {
    seq: i64,
    id: String,
    sentences: i64,
    source_sentences: i64,
    target_sentences: i64,
}

/// What a caller is told of a relation, besides its weight.
#[derive(Debug, sqlx::FromRow)]
struct Described {
    id: String,
    label: Option<String>,
    sentences: i64,
    source_id: String,
    source_name: String,
    target_id: String,
    target_name: String,
}

/// Computes a weight from the numbers of sentences that name both, the one, the other, and any two entities.
fn weight(both: i64, source: i64, target: i64, total: i64) -> f64 {
    if both <= 0 || total <= 0 {
        return 0.0;
    }
    let [both, source, target, total] = [both, source, target, total].map(|n| n as f64);
    both / total * (both * total / (source * target)).log2()
}

/// Returns the most that a relation of at most `both` sentences can weigh.
fn bound(both: i64, total: i64) -> f64 {
    let total = total as f64;
    let both = (both as f64).min(total / E);
    both / total * (total / both).log2()
}

/// The heaviest relations so far. Its greatest element is the one to drop: the lightest, of equals the largest id.
struct Heaviest {
    limit: usize,
    total: i64,
    heap: BinaryHeap<Ranked>,
}

struct Ranked {
    weight: f64,
    id: String,
    seq: i64,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .weight
            .total_cmp(&self.weight)
            .then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

impl Heaviest {
    fn new(limit: usize, total: i64) -> Self {
        Self {
            limit,
            total,
            heap: BinaryHeap::new(),
        }
    }

    fn offer(&mut self, counted: Counted) {
        let weight = weight(
            counted.sentences,
            counted.source_sentences,
            counted.target_sentences,
            self.total,
        );
        self.heap.push(Ranked {
            weight,
            id: counted.id,
            seq: counted.seq,
        });
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }

    /// Tells whether no relation of at most `both` sentences can get in any more. An equal weight could, by its id.
    fn excludes(&self, both: i64) -> bool {
        self.heap.len() >= self.limit
            && self
                .heap
                .peek()
                .is_none_or(|last| last.weight > bound(both, self.total))
    }

    /// Reads what there is to tell of the relations that are left, the heaviest first.
    async fn describe(self, snapshot: &mut SqliteConnection) -> Result<Vec<RelationRecord>> {
        let ranked = self.heap.into_sorted_vec();
        let seqs: Vec<i64> = ranked.iter().map(|ranked| ranked.seq).collect();
        let described: Vec<Described> = sqlx::query_as(sql!("knowledge_relations/get"))
            .bind(json_rows(&seqs))
            .fetch_all(snapshot)
            .await?;
        Ok(ranked
            .into_iter()
            .zip(described)
            .map(|(ranked, row)| RelationRecord {
                id: RelationId::from_stored(row.id),
                source: EntityId::from_stored(row.source_id),
                source_name: row.source_name,
                target: EntityId::from_stored(row.target_id),
                target_name: row.target_name,
                label: row.label,
                sentences: row.sentences as u64,
                weight: ranked.weight,
            })
            .collect())
    }
}

async fn total_sentences(connection: &mut SqliteConnection, tenant: &str) -> Result<i64> {
    let total: Option<i64> =
        sqlx::query_scalar("SELECT sentences FROM graph_totals WHERE tenant = ?1")
            .bind(tenant)
            .fetch_optional(connection)
            .await?;
    Ok(total.unwrap_or(0))
}

/// Returns a tenant's heaviest relations, ties by id.
pub(super) async fn heaviest(
    connection: &mut SqliteConnection,
    tenant: &str,
    limit: usize,
) -> Result<Vec<RelationRecord>> {
    // One snapshot: a total from after a write would not fit counts from before it.
    let mut snapshot = sqlx::Connection::begin(connection).await?;
    let total = total_sentences(&mut snapshot, tenant).await?;
    let mut heaviest = Heaviest::new(limit, total);
    let mut relations = sqlx::query_as::<_, Counted>(sql!("knowledge_relations/list_by_sentences"))
        .bind(tenant)
        .fetch(&mut *snapshot);
    let mut sentences = i64::MAX;
    while let Some(counted) = relations.try_next().await? {
        if counted.sentences < sentences {
            sentences = counted.sentences;
            if heaviest.excludes(sentences) {
                break;
            }
        }
        heaviest.offer(counted);
    }
    drop(relations);
    heaviest.describe(&mut snapshot).await
}

/// Returns an entity's heaviest relations, ties by id. Reads all of that entity's.
pub(super) async fn heaviest_of(
    connection: &mut SqliteConnection,
    tenant: &str,
    entity: &EntityId,
    limit: usize,
) -> Result<Vec<RelationRecord>> {
    let mut snapshot = sqlx::Connection::begin(connection).await?;
    let total = total_sentences(&mut snapshot, tenant).await?;
    let rows: Vec<Counted> = sqlx::query_as(sql!("knowledge_relations/list_of_entity"))
        .bind(tenant)
        .bind(entity.as_str())
        .fetch_all(&mut *snapshot)
        .await?;
    let mut heaviest = Heaviest::new(limit, total);
    for counted in rows {
        heaviest.offer(counted);
    }
    heaviest.describe(&mut snapshot).await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn independent_ends_weigh_nothing() {
        assert!(weight(25, 50, 50, 100).abs() < 1e-12);
    }

    #[test]
    fn ends_that_only_meet_each_other_weigh_most() {
        assert!((weight(25, 25, 25, 100) - 0.5).abs() < 1e-12);
        assert!(weight(25, 30, 25, 100) < weight(25, 25, 25, 100));
    }

    proptest! {
        #[test]
        fn no_weight_exceeds_its_bound(
            both in 1_i64..1_000,
            more in 0_i64..1_000,
            extra in (0_i64..1_000, 0_i64..1_000),
            rest in 0_i64..100_000,
        ) {
            let (source, target) = (both + extra.0, both + extra.1);
            let total = source + target - both + rest;
            prop_assert!(weight(both, source, target, total) <= bound(both, total) + 1e-12);
            prop_assert!(bound(both, total) <= bound(both + more, total) + 1e-12);
        }
    }
}
