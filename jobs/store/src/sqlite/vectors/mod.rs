//! Vector search in memory, current with what is committed.
//!
//! There is one index for each (tenant, model) that was ever searched. Its first search loads it: the loader keeps
//! writers out just long enough to open a snapshot and to register the index, so every change is either in the snapshot
//! or is queued for the index behind it. From then on a writer tells the index what it committed. The index narrows a
//! search down to candidates that provably hold the answer; their exact scores come from the stored f32 values, in the
//! statement that also leaves out what was deleted a moment ago. Where other processes commit too, [`shared`] follows.

mod index;
pub(super) mod shared;

use std::{
    cmp::Ordering,
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic::AtomicI64},
};

use futures::TryStreamExt;
use sqlx::{Row, SqliteConnection};

use self::index::VectorIndex;
use super::{
    SqliteStore,
    encoding::{json_rows, vector_from},
    sql,
    write::Write,
};
use crate::{ChunkId, Error, Result, search::Hit};

/// What a committed transaction changes for vector searches.
#[derive(Debug, Clone)]
pub(super) enum VectorChange {
    /// These chunks are not found any more.
    Remove {
        /// Whose they are.
        tenant: String,
        /// Their numbers.
        chunks: Vec<i64>,
    },
    /// These chunks are found by their text's vector.
    Add {
        /// Whose they are.
        tenant: String,
        /// Whose vectors.
        model: String,
        /// The chunks.
        entries: Vec<VectorEntry>,
    },
}

/// A chunk with the vector of its text.
#[derive(Debug, Clone)]
pub(super) struct VectorEntry {
    /// `embeddings.seq`.
    pub(super) embedding: i64,
    /// `chunks.seq`.
    pub(super) chunk: i64,
    /// The values.
    pub(super) vector: Arc<[f32]>,
}

/// A row of the statements that find the vectors of changed chunks.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct VectorRow {
    embedding: i64,
    model: String,
    chunk: i64,
    vector: Vec<u8>,
}

/// The same, of chunks of any tenant.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct TenantVectorRow {
    tenant: String,
    #[sqlx(flatten)]
    row: VectorRow,
}

/// Shared by every write transaction, exclusive for a loader that opens its snapshot.
pub(super) struct WriteGuard {
    _gate: tokio::sync::OwnedRwLockReadGuard<()>,
    has_indexes: bool,
}

impl WriteGuard {
    /// Tells whether there is an index that must be told of changes. None appears while this guard lives.
    pub(super) fn has_indexes(&self) -> bool {
        self.has_indexes
    }
}

/// The indexes that are in memory.
#[derive(Debug, Default)]
pub(super) struct VectorCache {
    gate: Arc<tokio::sync::RwLock<()>>,
    indexes: RwLock<HashMap<(String, String), Arc<CachedIndex>>>,
}

#[derive(Debug, Default)]
struct CachedIndex {
    /// Held while it loads, so that it loads once.
    loading: tokio::sync::Mutex<()>,
    state: RwLock<IndexState>,
    /// The last of `vector_changes` that is in it, where the file is shared.
    seen: AtomicI64,
}

#[derive(Debug, Default)]
enum IndexState {
    #[default]
    Empty,
    /// A snapshot is being read; changes committed since wait here.
    Loading(Vec<VectorChange>),
    Ready(VectorIndex),
}

impl CachedIndex {
    // A panic under the lock leaves at worst an index that a restart mends: results are rescored from the file.
    fn read(&self) -> RwLockReadGuard<'_, IndexState> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, IndexState> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_ready(&self) -> bool {
        matches!(*self.read(), IndexState::Ready(_))
    }

    fn apply<'a>(&self, changes: impl IntoIterator<Item = &'a VectorChange>) {
        match &mut *self.write() {
            IndexState::Empty => {}
            IndexState::Loading(queue) => queue.extend(changes.into_iter().cloned()),
            IndexState::Ready(index) => {
                for change in changes {
                    index.apply(change);
                }
            }
        }
    }
}

impl VectorCache {
    pub(super) async fn write_guard(&self) -> WriteGuard {
        let gate = Arc::clone(&self.gate).read_owned().await;
        WriteGuard {
            _gate: gate,
            has_indexes: !self.read().is_empty(),
        }
    }

    /// Tells the indexes what was committed.
    pub(super) fn apply(&self, changes: &[VectorChange]) {
        if changes.is_empty() {
            return;
        }
        for ((tenant, model), index) in &*self.read() {
            let changes = changes.iter().filter(|change| match change {
                VectorChange::Remove { tenant: of, .. } => of == tenant,
                VectorChange::Add {
                    tenant: of,
                    model: by,
                    ..
                } => of == tenant && by == model,
            });
            index.apply(changes);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<(String, String), Arc<CachedIndex>>> {
        self.indexes.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the place of an index, which may be empty.
    fn entry(&self, tenant: &str, model: &str) -> Arc<CachedIndex> {
        let key = (tenant.to_owned(), model.to_owned());
        if let Some(index) = self.read().get(&key) {
            return Arc::clone(index);
        }
        let mut indexes = self.indexes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(indexes.entry(key).or_default())
    }
}

impl SqliteStore {
    /// Returns the nearest chunks, best first, ties by id.
    pub(super) async fn nearest(
        &self,
        tenant: &str,
        model: &str,
        query: &[f32],
        limit: usize,
    ) -> Result<Vec<Hit>> {
        if !query.iter().all(|value| value.is_finite()) {
            return Err(Error::Invalid(
                "a query vector holds a value that is not finite".to_owned(),
            ));
        }
        let Some(index) = self.loaded_index(tenant, model, query.len()).await? else {
            return Ok(Vec::new());
        };
        if limit == 0 {
            return Ok(Vec::new());
        }
        let values: Vec<f32> = query.to_vec();
        // Milliseconds of pure CPU.
        let candidates = tokio::task::spawn_blocking(move || match &*index.read() {
            IndexState::Ready(index) => index.candidates(&values, limit),
            IndexState::Empty | IndexState::Loading(_) => Vec::new(),
        })
        .await
        .map_err(|error| Error::Unavailable(Box::new(error)))?;
        self.rescore(tenant, query, limit, &candidates).await
    }

    /// Returns the index of a model, loaded; `None` when the model has no vectors.
    async fn loaded_index(
        &self,
        tenant: &str,
        model: &str,
        dimension: usize,
    ) -> Result<Option<Arc<CachedIndex>>> {
        let known: Option<i64> =
            sqlx::query_scalar("SELECT dimension FROM embedding_models WHERE model = ?1")
                .bind(model)
                .fetch_optional(self.database.readers())
                .await?;
        match known {
            None => return Ok(None),
            Some(known) if known as usize != dimension => {
                return Err(Error::Invalid(format!(
                    "the query has {dimension} values, vectors of `{model}` have {known}"
                )));
            }
            Some(_) => {}
        }
        let index = self.vectors.entry(tenant, model);
        if self.database.is_shared() {
            self.follow(&index, tenant, model, dimension).await?;
        } else if !index.is_ready() {
            let _loading = index.loading.lock().await;
            if !index.is_ready() {
                self.load(&index, tenant, model, dimension).await?;
            }
        }
        Ok(Some(index))
    }

    async fn load(
        &self,
        cached: &CachedIndex,
        tenant: &str,
        model: &str,
        dimension: usize,
    ) -> Result<()> {
        let mut snapshot = self.database.readers().begin().await?;
        {
            let _alone = self.vectors.gate.write().await;
            // A deferred transaction sees the file as it is at its first read.
            sqlx::query("SELECT 1 FROM embedding_models LIMIT 1")
                .fetch_optional(&mut *snapshot)
                .await?;
            *cached.write() = IndexState::Loading(Vec::new());
        }
        let loaded = read_index(&mut snapshot, tenant, model, dimension).await;
        let mut state = cached.write();
        let queued = match std::mem::take(&mut *state) {
            IndexState::Loading(queued) => queued,
            IndexState::Empty | IndexState::Ready(_) => Vec::new(),
        };
        let mut index = loaded?;
        for change in &queued {
            index.apply(change);
        }
        *state = IndexState::Ready(index);
        Ok(())
    }

    /// Scores candidates by their stored values and keeps the best.
    async fn rescore(
        &self,
        tenant: &str,
        query: &[f32],
        limit: usize,
        candidates: &[i64],
    ) -> Result<Vec<Hit>> {
        let rows = sqlx::query(sql!("embeddings/get_candidates"))
            .bind(json_rows(candidates))
            .bind(tenant)
            .fetch_all(self.database.readers())
            .await?;
        let mut hits = rows
            .iter()
            .map(|row| {
                let vector = vector_from(row.try_get("vector")?, query.len())?;
                Ok(Hit {
                    chunk: ChunkId::from_stored(row.try_get("chunk")?),
                    score: exact_score(query, &vector),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        hits.sort_unstable_by(best_first);
        hits.truncate(limit);
        Ok(hits)
    }
}

/// Best first; ties by chunk id.
pub(super) fn best_first(a: &Hit, b: &Hit) -> Ordering {
    b.score
        .total_cmp(&a.score)
        .then_with(|| a.chunk.cmp(&b.chunk))
}

/// The score that ranks: a dot product in f64, whose products of two f32 are exact.
pub(super) fn exact_score(query: &[f32], vector: &[f32]) -> f64 {
    query
        .iter()
        .zip(vector)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}

async fn read_index(
    snapshot: &mut SqliteConnection,
    tenant: &str,
    model: &str,
    dimension: usize,
) -> Result<VectorIndex> {
    let mut index = VectorIndex::new(dimension);
    let mut rows = sqlx::query(sql!("embeddings/load"))
        .bind(tenant)
        .bind(model)
        .fetch(snapshot);
    while let Some(row) = rows.try_next().await? {
        let vector = vector_from(row.try_get("vector")?, dimension)?;
        index.add(row.try_get("embedding")?, row.try_get("chunk")?, &vector);
    }
    Ok(index)
}

impl Write<'_> {
    /// Notes vectors of one tenant's chunks.
    pub(super) fn note_vectors(&mut self, tenant: &str, rows: Vec<VectorRow>) -> Result<()> {
        self.note_shared_vectors(
            rows.into_iter()
                .map(|row| TenantVectorRow {
                    tenant: tenant.to_owned(),
                    row,
                })
                .collect(),
        )
    }

    /// Notes vectors of chunks of whatever tenant has their text.
    pub(super) fn note_shared_vectors(&mut self, rows: Vec<TenantVectorRow>) -> Result<()> {
        let mut entries: HashMap<(String, String), Vec<VectorEntry>> = HashMap::new();
        for TenantVectorRow { tenant, row } in rows {
            let dimension = row.vector.len() / 4;
            entries
                .entry((tenant, row.model))
                .or_default()
                .push(VectorEntry {
                    embedding: row.embedding,
                    chunk: row.chunk,
                    vector: vector_from(&row.vector, dimension)?.into(),
                });
        }
        self.note(
            entries
                .into_iter()
                .map(|((tenant, model), entries)| VectorChange::Add {
                    tenant,
                    model,
                    entries,
                }),
        );
        Ok(())
    }
}
