//! The one place that turns a configuration into implementations: nothing above it knows which profile it runs on.

use std::sync::{Arc, atomic::AtomicBool};

use graphmill_config::{Config, embedding::EmbeddingModel, graph::ChineseExtractor};
use graphmill_embedding::{EmbedError, Embedder, ModelChoice};
use graphmill_graph::{ChineseTagger, Extractor, GraphOptions, LoadError, LocalExtractor};
use graphmill_queue::{
    Broker, BrokerOptions,
    clock::{Clock, SystemClock},
    sqlite::{Database, OpenOptions, SqliteBroker},
};
use graphmill_store::{BlobHash, Blobs, KnowledgeStore, blob::ObjectBlobs, sqlite::SqliteStore};
use tokio::sync::RwLock;

use crate::intake::Admission;

/// Everything that job handlers and HTTP handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// Where jobs wait.
    pub broker: Arc<dyn Broker>,
    /// Where results are kept.
    pub store: Arc<dyn KnowledgeStore>,
    /// Where bytes are kept.
    pub blobs: Arc<dyn Blobs>,
    /// Makes vectors.
    pub embedder: Arc<dyn Embedder>,
    /// Finds entities.
    pub extractor: Arc<dyn Extractor>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Closes the door when too many jobs wait.
    pub admission: Arc<Admission>,
    /// Held for reading from "these bytes are there" to "a version refers to them", for writing while unused bytes are
    /// deleted: so no version ever refers to bytes that were deleted under it. Both sections are a few statements long;
    /// uploads happen outside.
    pub blob_gate: Arc<RwLock<()>>,
    /// Set when a document was accepted whose job could not be submitted: the worker's maintenance then sweeps.
    pub sweep_wanted: Arc<AtomicBool>,
}

/// Why the services could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The database or the broker.
    #[error(transparent)]
    Queue(#[from] graphmill_queue::Error),
    /// The knowledge base or the blobs.
    #[error(transparent)]
    Store(#[from] graphmill_store::Error),
    /// The embedding model.
    #[error(transparent)]
    Embedding(#[from] EmbedError),
    /// The extraction models.
    #[error(transparent)]
    Graph(#[from] LoadError),
}

/// What [`Services::open`] leaves to be closed, once nothing uses the services any more.
pub struct OpenServices {
    /// What handlers share.
    pub services: Services,
    broker: Arc<SqliteBroker>,
    database: Database,
}

impl OpenServices {
    /// Ends the broker and closes the database. Skipping it loses nothing; the next start replays the log.
    ///
    /// # Errors
    /// When the database does not close cleanly.
    pub async fn close(self) -> Result<(), graphmill_queue::Error> {
        drop(self.services);
        self.broker.close().await;
        self.database.close().await
    }
}

impl Services {
    /// Opens everything that the embedded profile needs: one SQLite file, a folder of blobs, the models.
    ///
    /// # Errors
    /// See [`OpenError`]: a file in use, a damaged file, no space, a model that is not there.
    pub async fn open(config: &Config) -> Result<OpenServices, OpenError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let options = OpenOptions {
            read_connections: config.sql.read_connections,
            busy_timeout: config.sql.busy_timeout,
        };
        let database = Database::open(config.sql_path(), options).await?;
        let broker = Arc::new(SqliteBroker::new(
            database.clone(),
            clock.clone(),
            broker_options(config),
        )?);
        let store = SqliteStore::open(database.clone(), clock.clone()).await?;
        let blobs = ObjectBlobs::local(config.blob_dir())?;
        let services = Self {
            broker: broker.clone(),
            store: Arc::new(store),
            blobs: Arc::new(blobs),
            embedder: graphmill_embedding::open(&model_choice(config))?,
            extractor: Arc::new(LocalExtractor::new(graph_options(config))?),
            clock,
            admission: Arc::new(Admission::new(config.api.max_waiting_jobs)),
            blob_gate: Arc::default(),
            sweep_wanted: Arc::default(),
        };
        Ok(OpenServices {
            services,
            broker,
            database,
        })
    }

    /// Deletes the bytes of blobs that no version refers to (any more); others are left alone.
    ///
    /// # Errors
    /// When a store does not answer. Repeating it is right.
    pub async fn collect_blobs(
        &self,
        candidates: &[BlobHash],
    ) -> Result<(), graphmill_store::Error> {
        for hash in candidates {
            let _alone = self.blob_gate.write().await;
            if self.store.blob_in_use(hash).await? {
                continue;
            }
            // The row goes last: if the process dies in between, the sweep at start-up finds it and deletes once more.
            self.blobs.delete(hash).await?;
            self.store.forget_blob(hash).await?;
        }
        Ok(())
    }
}

fn broker_options(config: &Config) -> BrokerOptions {
    let queue = &config.queue;
    BrokerOptions {
        crash_budget: queue.crash_budget,
        max_payload_bytes: queue.max_payload_size.as_u64() as usize,
        max_result_bytes: queue.max_result_size.as_u64() as usize,
        max_checkpoint_bytes: queue.max_checkpoint_size.as_u64() as usize,
        max_errors: queue.max_errors,
        starvation_after: queue.starvation_after,
    }
}

fn model_choice(config: &Config) -> ModelChoice {
    match (config.embedding.model, &config.embedding.path) {
        (EmbeddingModel::Accurate, _) => ModelChoice::Accurate,
        (EmbeddingModel::Huggingface, Some(path)) => ModelChoice::HuggingFace(path.clone()),
        // Validation lets `huggingface` through only with a path.
        (EmbeddingModel::Fast | EmbeddingModel::Huggingface, _) => ModelChoice::Fast,
    }
}

fn graph_options(config: &Config) -> GraphOptions {
    GraphOptions {
        chinese: match config.graph.chinese {
            ChineseExtractor::Lac => ChineseTagger::Lac,
            ChineseExtractor::Jieba => ChineseTagger::Jieba,
        },
        han_ratio: config.graph.han_ratio as f32,
        max_entities_per_sentence: config.graph.max_entities_per_sentence,
    }
}
