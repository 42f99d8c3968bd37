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

use sqlx::SqliteConnection;

use super::sql;
use crate::{EntityId, RelationId, Result, graph::RelationRecord};

/// Relations read at once while the threshold is not reached.
const PAGE: i64 = 1_000;

/// A relation with what its weight is computed from.
#[derive(Debug, sqlx::FromRow)]
struct Counted {
    seq: i64,
    id: String,
    label: Option<String>,
    sentences: i64,
    source_id: String,
    source_name: String,
    source_sentences: i64,
    target_id: String,
    target_name: String,
    target_sentences: i64,
}

impl Counted {
    fn weighed(self, total: i64) -> RelationRecord {
        let weight = weight(
            self.sentences,
            self.source_sentences,
            self.target_sentences,
            total,
        );
        RelationRecord {
            id: RelationId::from_stored(self.id),
            source: EntityId::from_stored(self.source_id),
            source_name: self.source_name,
            target: EntityId::from_stored(self.target_id),
            target_name: self.target_name,
            label: self.label,
            sentences: self.sentences as u64,
            weight,
        }
    }
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
    heap: BinaryHeap<Ranked>,
}

struct Ranked(RelationRecord);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .0
            .weight
            .total_cmp(&self.0.weight)
            .then_with(|| self.0.id.cmp(&other.0.id))
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
    fn new(limit: usize) -> Self {
        Self {
            limit,
            heap: BinaryHeap::new(),
        }
    }

    fn offer(&mut self, record: RelationRecord) {
        self.heap.push(Ranked(record));
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }

    /// Tells whether nothing that weighs at most `bound` can get in any more. Equal weights could, by their id.
    fn excludes(&self, bound: f64) -> bool {
        self.heap.len() >= self.limit && self.heap.peek().is_none_or(|last| last.0.weight > bound)
    }

    fn into_sorted(self) -> Vec<RelationRecord> {
        self.heap
            .into_sorted_vec()
            .into_iter()
            .map(|ranked| ranked.0)
            .collect()
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
    let mut heaviest = Heaviest::new(limit);
    let (mut sentences, mut after) = (i64::MAX, 0);
    while !heaviest.excludes(bound(sentences, total)) {
        let page: Vec<Counted> = sqlx::query_as(sql!("knowledge_relations/list_by_sentences"))
            .bind(tenant)
            .bind(sentences)
            .bind(after)
            .bind(PAGE)
            .fetch_all(&mut *snapshot)
            .await?;
        let Some(last) = page.last() else { break };
        (sentences, after) = (last.sentences, last.seq);
        for counted in page {
            heaviest.offer(counted.weighed(total));
        }
    }
    Ok(heaviest.into_sorted())
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
    let mut heaviest = Heaviest::new(limit);
    for counted in rows {
        heaviest.offer(counted.weighed(total));
    }
    Ok(heaviest.into_sorted())
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
