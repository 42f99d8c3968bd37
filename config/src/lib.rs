//! Every setting of graphmill, from the embedded `default.toml` through a file, the environment and flags.
//!
//! ```text
//! default.toml ─▶ file ─▶ GRAPHMILL_* ─▶ flags ─▶ one value a key, with its origin ─▶ types ─▶ validation
//!                 (layers.rs)                                                 (one file a section) (validate.rs)
//! ```
//!
//! A key is known when `default.toml` has it, so the file that documents the settings also defines them; tests hold
//! the file and the types together. All problems of a configuration are reported at once, each with the key, where
//! the value came from and what would be right. Only this crate reads the environment.

#![warn(missing_docs)]

pub mod api;
pub mod blob;
pub mod chunk;
pub mod compat;
pub mod documents;
pub mod embedding;
mod error;
pub mod graph;
mod layers;
mod paths;
pub mod queue;
pub mod redis;
mod sources;
pub mod sql;
pub mod telemetry;
pub mod units;
mod validate;
pub mod worker;

use std::path::PathBuf;

pub use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

pub use self::{
    api::ApiConfig,
    blob::BlobConfig,
    chunk::ChunkConfig,
    compat::{ApalisRedisQueue, CompatConfig},
    documents::DocumentsConfig,
    embedding::{EmbeddingConfig, EmbeddingModel},
    error::{ConfigError, Problem, Warning},
    graph::{ChineseExtractor, GraphConfig},
    layers::{Origin, Place, Setting},
    queue::{Durability, QueueConfig},
    redis::RedisConfig,
    sources::Sources,
    sql::SqlConfig,
    telemetry::{LogFormat, TelemetryConfig},
    units::{Auto, SecretUrl},
    worker::WorkerConfig,
};

/// The reference page: every setting with its meaning and default.
pub const DEFAULT_TOML: &str = include_str!("../default.toml");

/// Which set of servers the system runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// On SQLite and files: one process, or several of one host that share Redis.
    Embedded,
    /// PostgreSQL, Redis, an object store.
    Server,
}

impl Profile {
    /// Returns the name used in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Server => "server",
        }
    }
}

/// Every setting, checked. The fields are named and nested as the keys of `default.toml`, where they are documented.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which set of servers the system runs on.
    pub profile: Profile,
    /// Where the embedded profile keeps its files. Absolute after loading.
    pub data_dir: PathBuf,
    /// The HTTP API and its clients.
    pub api: ApiConfig,
    /// The database.
    pub sql: SqlConfig,
    /// The bytes of documents.
    pub blob: BlobConfig,
    /// Where jobs wait when several processes share them.
    pub redis: RedisConfig,
    /// The job engine.
    pub queue: QueueConfig,
    /// The process that runs jobs.
    pub worker: WorkerConfig,
    /// Parsing.
    pub documents: DocumentsConfig,
    /// How documents are cut.
    pub chunk: ChunkConfig,
    /// Text to vectors.
    pub embedding: EmbeddingConfig,
    /// Entities and relations.
    pub graph: GraphConfig,
    /// Queues of other job systems that workers drain into ours.
    #[serde(default)]
    pub compat: CompatConfig,
    /// Logs.
    pub telemetry: TelemetryConfig,
    /// Each key with its value and where that came from.
    #[serde(skip)]
    settings: Vec<Setting>,
}

impl Config {
    /// Loads the settings of all layers, checks them, and makes paths absolute.
    ///
    /// # Errors
    /// [`ConfigError::Read`] and [`ConfigError::Syntax`] for the file; [`ConfigError::Settings`] with every unknown
    /// key, wrong value and contradiction of all layers.
    pub fn load(sources: Sources) -> Result<(Self, Vec<Warning>), ConfigError> {
        let layers = layers::Layers::collect(sources)?;
        let (mut config, mut problems) = layers.read();
        let mut warnings = layers.warnings();
        if problems.is_empty() {
            validate::check(&config, &mut problems, &mut warnings);
        }
        if !problems.is_empty() {
            return Err(ConfigError::Settings(
                problems.into_iter().map(|p| layers.place(p)).collect(),
            ));
        }
        config.resolve_paths();
        config.settings = layers.into_settings();
        Ok((config, warnings))
    }

    /// Returns the settings of `default.toml` alone, for tests and tools: no file, no environment.
    pub fn defaults() -> Self {
        let (config, _) = Self::load(Sources::default()).expect("a test loads default.toml");
        config
    }

    /// Refuses what is a valid setting but not in this build. Called where the system starts; showing and checking
    /// settings, and clients, work with any.
    ///
    /// # Errors
    /// [`ConfigError::Unsupported`] names the setting.
    pub fn supported(&self) -> Result<(), ConfigError> {
        validate::supported(self)
    }

    /// Tells whether several processes may share the data: then jobs wait in Redis.
    pub fn is_shared(&self) -> bool {
        self.redis.url.is_some()
    }

    /// Returns each key in alphabetical order with its value and where that came from.
    pub fn provenance(&self) -> &[Setting] {
        &self.settings
    }
}

#[cfg(test)]
mod tests;
