//! The one place that turns a configuration into implementations: nothing above it knows which profile it runs on.

use std::sync::{Arc, atomic::AtomicBool};

use graphmill_config::{Config, embedding::EmbeddingModel, graph::ChineseExtractor};
use graphmill_embedding::{EmbedError, Embedder, ModelChoice};
use graphmill_graph::{ChineseTagger, Extractor, GraphOptions, LoadError, LocalExtractor};
use graphmill_queue::{
    Broker,
    clock::{Clock, SystemClock},
    ledger::LedgerBroker,
    schedule::ScheduleStore,
    sqlite::{Database, OpenOptions, SqliteSchedules},
};
use graphmill_store::{BlobHash, Blobs, KnowledgeStore, blob::ObjectBlobs, sqlite::SqliteStore};

use crate::{
    blob_gate::BlobGate,
    broker::{OpenBroker, open_broker},
    intake::Admission,
};

/// Everything that job handlers and HTTP handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// Where jobs wait.
    pub broker: Arc<dyn Broker>,
    /// The ledger around it, where there is one: for the full audit.
    pub ledger: Option<LedgerBroker>,
    /// Jobs by the clock.
    pub schedules: Arc<dyn ScheduleStore>,
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
    /// Passed from "these bytes are there" to "a version refers to them", and alone while unused bytes are deleted.
    pub blob_gate: Arc<BlobGate>,
    /// Set when rows were written whose job could not be submitted: this process then [sweeps](crate::reconcile).
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
    broker: OpenBroker,
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
    /// Opens everything that the embedded profile needs: one SQLite file, a folder of blobs, the models, and Redis where
    /// `redis.url` is set; then file and folder may be shared with other processes that have the same settings. Redis
    /// itself need not be there yet.
    ///
    /// # Errors
    /// See [`OpenError`]: a file in use, a damaged file, no space, a model that is not there.
    pub async fn open(config: &Config) -> Result<OpenServices, OpenError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let options = OpenOptions {
            read_connections: config.sql.read_connections,
            busy_timeout: config.sql.busy_timeout,
            shared: config.is_shared(),
        };
        let database = Database::open(config.sql_path(), options).await?;
        let broker = open_broker(config, &database, &clock)?;
        let store = SqliteStore::open(database.clone(), clock.clone()).await?;
        let (blobs, blob_gate) = if config.is_shared() {
            let blobs = ObjectBlobs::shared(config.blob_dir())?;
            (blobs, BlobGate::shared(&config.blob_dir()))
        } else {
            (ObjectBlobs::local(config.blob_dir())?, BlobGate::default())
        };
        let services = Self {
            broker: broker.broker.clone(),
            ledger: broker.ledger.clone(),
            schedules: Arc::new(SqliteSchedules::new(database.clone())),
            store: Arc::new(store),
            blobs: Arc::new(blobs),
            embedder: graphmill_embedding::open(&model_choice(config))?,
            extractor: Arc::new(LocalExtractor::new(graph_options(config))?),
            clock,
            admission: Arc::new(Admission::new(config.api.max_waiting_jobs)),
            blob_gate: Arc::new(blob_gate),
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
            let _alone = self.blob_gate.alone().await?;
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

pub(crate) fn model_choice(config: &Config) -> ModelChoice {
    match (config.embedding.model, &config.embedding.path) {
        (EmbeddingModel::Accurate, _) => ModelChoice::Accurate,
        (EmbeddingModel::Huggingface, Some(path)) => ModelChoice::HuggingFace(path.clone()),
        // Validation lets `huggingface` through only with a path.
        (EmbeddingModel::Fast | EmbeddingModel::Huggingface, _) => ModelChoice::Fast,
    }
}

pub(crate) fn graph_options(config: &Config) -> GraphOptions {
    GraphOptions {
        chinese: match config.graph.chinese {
            ChineseExtractor::Lac => ChineseTagger::Lac,
            ChineseExtractor::Jieba => ChineseTagger::Jieba,
        },
        han_ratio: config.graph.han_ratio as f32,
        max_entities_per_sentence: config.graph.max_entities_per_sentence,
    }
}
