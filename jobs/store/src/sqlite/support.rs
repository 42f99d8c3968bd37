//! Support rows, and the sums that follow from them.
//!
//! A chunk's contribution to every sum is a function of its support rows alone ([`Difference::count`]). To write, replace
//! or remove support, the old rows are read and counted with −1, the new ones with +1, and only what differs is added to
//! the sums. So a write costs what it touches however large an entity has grown, and sums do not depend on the order in
//! which documents came and went. What has no support left is removed.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::SqliteConnection;

use super::{encoding::json_rows, sql};
use crate::{EntityId, RelationId, Result, graph::ExtractionRow};

/// How many entities and relations lost their last support.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Swept {
    pub(super) entities: u64,
    pub(super) relations: u64,
}

/// A row of `entity_support`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
struct Mention {
    chunk: i64,
    start: i64,
    end: i64,
    entity: i64,
    surface: String,
    entity_type: String,
}

/// A row of `relation_support`, with the relation's ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
struct Pair {
    chunk: i64,
    start: i64,
    end: i64,
    relation: i64,
    source: i64,
    target: i64,
    label: Option<String>,
}

/// The support of some chunks.
#[derive(Debug, Default)]
struct Support {
    mentions: Vec<Mention>,
    pairs: Vec<Pair>,
}

#[derive(Debug, Default)]
struct EntityDifference {
    mentions: i64,
    chunks: i64,
    sentences: i64,
    surfaces: BTreeMap<String, i64>,
    types: BTreeMap<String, i64>,
}

#[derive(Debug, Default)]
struct RelationDifference {
    sentences: i64,
    labels: BTreeMap<String, i64>,
}

/// What some support rows add to the sums, or take away.
#[derive(Debug, Default)]
struct Difference {
    entities: BTreeMap<i64, EntityDifference>,
    relations: BTreeMap<i64, RelationDifference>,
    /// Sentences that name two entities or more.
    sentences: i64,
}

impl Difference {
    /// Counts support rows, with `sign` 1 for rows that come and −1 for rows that go.
    fn count(&mut self, support: &Support, sign: i64) {
        let mut chunks_of_entity = BTreeSet::new();
        for mention in &support.mentions {
            let entity = self.entities.entry(mention.entity).or_default();
            entity.mentions += sign;
            *entity.surfaces.entry(mention.surface.clone()).or_default() += sign;
            *entity.types.entry(mention.entity_type.clone()).or_default() += sign;
            if chunks_of_entity.insert((mention.entity, mention.chunk)) {
                entity.chunks += sign;
            }
        }
        let mut sentences = BTreeSet::new();
        let mut sentences_of_entity = BTreeSet::new();
        for pair in &support.pairs {
            let relation = self.relations.entry(pair.relation).or_default();
            relation.sentences += sign;
            if let Some(label) = &pair.label {
                *relation.labels.entry(label.clone()).or_default() += sign;
            }
            let sentence = (pair.chunk, pair.start, pair.end);
            if sentences.insert(sentence) {
                self.sentences += sign;
            }
            for end in [pair.source, pair.target] {
                if sentences_of_entity.insert((end, sentence)) {
                    self.entities.entry(end).or_default().sentences += sign;
                }
            }
        }
    }
}

/// Removes the support of chunks of one document.
pub(super) async fn retract(
    connection: &mut SqliteConnection,
    tenant: &str,
    document: &[u8],
    chunks: &BTreeSet<i64>,
) -> Result<Swept> {
    let old = take_support(connection, chunks).await?;
    let mut difference = Difference::default();
    difference.count(&old, -1);
    add_up(connection, tenant, document, &difference).await
}

/// Replaces the support of chunks of one document by what their texts say; returns the number of mentions.
pub(super) async fn replace(
    connection: &mut SqliteConnection,
    tenant: &str,
    document: &[u8],
    extractions: &BTreeMap<i64, ExtractionRow>,
) -> Result<u64> {
    let old = take_support(connection, &extractions.keys().copied().collect()).await?;
    let new = resolve(connection, tenant, extractions).await?;
    write_support(connection, &new).await?;
    let mut difference = Difference::default();
    difference.count(&old, -1);
    difference.count(&new, 1);
    add_up(connection, tenant, document, &difference).await?;
    Ok(new.mentions.len() as u64)
}

/// Reads the support rows of chunks, and deletes them.
async fn take_support(
    connection: &mut SqliteConnection,
    chunks: &BTreeSet<i64>,
) -> Result<Support> {
    let chunks = json_rows(chunks);
    let mentions: Vec<Mention> = sqlx::query_as(sql!("entity_support/list"))
        .bind(&chunks)
        .fetch_all(&mut *connection)
        .await?;
    let pairs: Vec<Pair> = sqlx::query_as(sql!("relation_support/list"))
        .bind(&chunks)
        .fetch_all(&mut *connection)
        .await?;
    if !mentions.is_empty() {
        sqlx::query("DELETE FROM entity_support WHERE chunk IN (SELECT value FROM json_each(?1))")
            .bind(&chunks)
            .execute(&mut *connection)
            .await?;
    }
    if !pairs.is_empty() {
        sqlx::query(
            "DELETE FROM relation_support WHERE chunk IN (SELECT value FROM json_each(?1))",
        )
        .bind(&chunks)
        .execute(connection)
        .await?;
    }
    Ok(Support { mentions, pairs })
}

/// Turns normal forms into rows of entities and relations, which are created with empty sums where they are new.
async fn resolve(
    connection: &mut SqliteConnection,
    tenant: &str,
    extractions: &BTreeMap<i64, ExtractionRow>,
) -> Result<Support> {
    let entities = require_entities(connection, tenant, extractions).await?;
    let relations = require_relations(connection, tenant, &entities, extractions).await?;
    let mut mentions = BTreeMap::new();
    let mut pairs = BTreeMap::new();
    for (&chunk, extraction) in extractions {
        for row in &extraction.mentions {
            let mention = Mention {
                chunk,
                start: i64::from(row.start),
                end: i64::from(row.end),
                entity: entities[row.key.as_str()],
                surface: row.surface.clone(),
                entity_type: row.entity_type.clone(),
            };
            // One place names one entity once; of two rows that say so, the first one in order stays.
            let place = (chunk, mention.start, mention.end, mention.entity);
            mentions.entry(place).or_insert(mention);
        }
        for row in &extraction.cooccurrences {
            let (source, target) = (entities[row.source.as_str()], entities[row.target.as_str()]);
            let pair = Pair {
                chunk,
                start: i64::from(row.start),
                end: i64::from(row.end),
                relation: relations[&(source, target)],
                source,
                target,
                label: row.label.clone(),
            };
            let place = (chunk, pair.start, pair.end, pair.relation);
            pairs.entry(place).or_insert(pair);
        }
    }
    Ok(Support {
        mentions: mentions.into_values().collect(),
        pairs: pairs.into_values().collect(),
    })
}

async fn require_entities<'a>(
    connection: &mut SqliteConnection,
    tenant: &str,
    extractions: &'a BTreeMap<i64, ExtractionRow>,
) -> Result<BTreeMap<&'a str, i64>> {
    let keys: BTreeSet<&str> = extractions
        .values()
        .flat_map(|extraction| &extraction.mentions)
        .map(|mention| mention.key.as_str())
        .collect();
    let rows: Vec<(String, &str)> = keys
        .iter()
        .map(|key| (EntityId::derive(&[tenant, key]).as_str().to_owned(), *key))
        .collect();
    sqlx::query(sql!("knowledge_entities/require"))
        .bind(tenant)
        .bind(json_rows(&rows))
        .execute(&mut *connection)
        .await?;
    let seqs: Vec<i64> = sqlx::query_scalar(sql!("knowledge_entities/resolve"))
        .bind(json_rows(&rows))
        .fetch_all(connection)
        .await?;
    Ok(keys.into_iter().zip(seqs).collect())
}

async fn require_relations(
    connection: &mut SqliteConnection,
    tenant: &str,
    entities: &BTreeMap<&str, i64>,
    extractions: &BTreeMap<i64, ExtractionRow>,
) -> Result<BTreeMap<(i64, i64), i64>> {
    let ends: BTreeSet<(&str, &str)> = extractions
        .values()
        .flat_map(|extraction| &extraction.cooccurrences)
        .map(|pair| (pair.source.as_str(), pair.target.as_str()))
        .collect();
    let entity_id = |key: &str| EntityId::derive(&[tenant, key]);
    let rows: Vec<(String, i64, i64)> = ends
        .iter()
        .map(|(source, target)| {
            let id = RelationId::derive(&[entity_id(source).as_str(), entity_id(target).as_str()]);
            (id.as_str().to_owned(), entities[source], entities[target])
        })
        .collect();
    sqlx::query(sql!("knowledge_relations/require"))
        .bind(tenant)
        .bind(json_rows(&rows))
        .execute(&mut *connection)
        .await?;
    let seqs: Vec<i64> = sqlx::query_scalar(sql!("knowledge_relations/resolve"))
        .bind(json_rows(&rows))
        .fetch_all(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(_, source, target)| (source, target))
        .zip(seqs)
        .collect())
}

async fn write_support(connection: &mut SqliteConnection, support: &Support) -> Result<()> {
    let mentions: Vec<_> = support
        .mentions
        .iter()
        .map(|m| {
            (
                m.chunk,
                m.entity,
                m.start,
                m.end,
                &m.surface,
                &m.entity_type,
            )
        })
        .collect();
    sqlx::query(sql!("entity_support/add"))
        .bind(json_rows(&mentions))
        .execute(&mut *connection)
        .await?;
    let pairs: Vec<_> = support
        .pairs
        .iter()
        .map(|p| (p.chunk, p.relation, p.start, p.end, &p.label))
        .collect();
    sqlx::query(sql!("relation_support/add"))
        .bind(json_rows(&pairs))
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds a difference to the sums, and removes what comes to nothing.
async fn add_up(
    connection: &mut SqliteConnection,
    tenant: &str,
    document: &[u8],
    difference: &Difference,
) -> Result<Swept> {
    add_relations(connection, &difference.relations).await?;
    let relations = sweep(
        connection,
        sql!("knowledge_relations/sweep"),
        difference.relations.keys(),
    )
    .await?;
    let documents = add_documents(connection, document, &difference.entities).await?;
    add_entities(connection, &difference.entities, &documents).await?;
    let entities = sweep(
        connection,
        sql!("knowledge_entities/sweep"),
        difference.entities.keys(),
    )
    .await?;
    if difference.sentences != 0 {
        sqlx::query(sql!("graph_totals/add"))
            .bind(tenant)
            .bind(difference.sentences)
            .execute(&mut *connection)
            .await?;
        sqlx::query("DELETE FROM graph_totals WHERE tenant = ?1 AND sentences = 0")
            .bind(tenant)
            .execute(connection)
            .await?;
    }
    Ok(Swept {
        entities,
        relations,
    })
}

/// Adds to a table of (owner, value, number) and drops the rows that come to zero. The three statements take the same
/// JSON array of [owner, value, difference].
async fn add_tally<'a>(
    connection: &mut SqliteConnection,
    [add, sweep]: [&'static str; 2],
    tallies: impl Iterator<Item = (i64, &'a BTreeMap<String, i64>)>,
) -> Result<()> {
    let rows: Vec<(i64, &str, i64)> = tallies
        .flat_map(|(owner, tally)| {
            tally
                .iter()
                .map(move |(value, difference)| (owner, value.as_str(), *difference))
        })
        .filter(|(_, _, difference)| *difference != 0)
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let rows = json_rows(&rows);
    sqlx::query(add)
        .bind(&rows)
        .execute(&mut *connection)
        .await?;
    sqlx::query(sweep).bind(&rows).execute(connection).await?;
    Ok(())
}

async fn add_relations(
    connection: &mut SqliteConnection,
    relations: &BTreeMap<i64, RelationDifference>,
) -> Result<()> {
    add_tally(
        connection,
        [sql!("relation_labels/add"), sql!("relation_labels/sweep")],
        relations.iter().map(|(seq, d)| (*seq, &d.labels)),
    )
    .await?;
    let rows: Vec<(i64, i64)> = relations
        .iter()
        .map(|(seq, difference)| (*seq, difference.sentences))
        .collect();
    sqlx::query(sql!("knowledge_relations/add"))
        .bind(json_rows(&rows))
        .execute(connection)
        .await?;
    Ok(())
}

/// Updates in how many chunks of `document` each entity is named. Returns by how much the number of documents that name
/// it changes: 1, 0 or −1.
async fn add_documents(
    connection: &mut SqliteConnection,
    document: &[u8],
    entities: &BTreeMap<i64, EntityDifference>,
) -> Result<BTreeMap<i64, i64>> {
    let differences: Vec<(i64, i64)> = entities
        .iter()
        .filter(|(_, difference)| difference.chunks != 0)
        .map(|(seq, difference)| (*seq, difference.chunks))
        .collect();
    if differences.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = json_rows(&differences);
    let chunks: Vec<(i64, i64)> = sqlx::query_as(sql!("entity_documents/add"))
        .bind(document)
        .bind(&rows)
        .fetch_all(&mut *connection)
        .await?;
    sqlx::query(sql!("entity_documents/sweep"))
        .bind(document)
        .bind(&rows)
        .execute(connection)
        .await?;
    let differences: BTreeMap<i64, i64> = differences.into_iter().collect();
    Ok(chunks
        .into_iter()
        .map(|(entity, after)| {
            let before = after - differences[&entity];
            (entity, i64::from(after > 0) - i64::from(before > 0))
        })
        .collect())
}

async fn add_entities(
    connection: &mut SqliteConnection,
    entities: &BTreeMap<i64, EntityDifference>,
    documents: &BTreeMap<i64, i64>,
) -> Result<()> {
    add_tally(
        connection,
        [sql!("entity_aliases/add"), sql!("entity_aliases/sweep")],
        entities.iter().map(|(seq, d)| (*seq, &d.surfaces)),
    )
    .await?;
    add_tally(
        connection,
        [sql!("entity_types/add"), sql!("entity_types/sweep")],
        entities.iter().map(|(seq, d)| (*seq, &d.types)),
    )
    .await?;
    let rows: Vec<_> = entities
        .iter()
        .map(|(seq, d)| {
            let documents = documents.get(seq).copied().unwrap_or(0);
            (*seq, d.mentions, d.chunks, documents, d.sentences)
        })
        .collect();
    sqlx::query(sql!("knowledge_entities/add"))
        .bind(json_rows(&rows))
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes those of the touched rows that have no support left; returns how many.
async fn sweep(
    connection: &mut SqliteConnection,
    statement: &'static str,
    touched: impl Iterator<Item = &i64>,
) -> Result<u64> {
    let touched: Vec<&i64> = touched.collect();
    let swept = sqlx::query(statement)
        .bind(json_rows(&touched))
        .execute(connection)
        .await?;
    Ok(swept.rows_affected())
}
