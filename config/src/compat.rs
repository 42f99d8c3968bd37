//! `[compat]`: queues of other job systems that workers drain into ours.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::units::{self, SecretUrl};

/// The key of [`CompatConfig::apalis_redis`].
pub(crate) const APALIS_REDIS: &str = "compat.apalis_redis";

/// The schemes that a URL of such a server may have.
pub(crate) const SCHEMES: [&str; 4] = ["redis", "rediss", "redis+unix", "unix"];

/// Queues of other job systems that workers drain into ours.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompatConfig {
    /// Queues written by stock `apalis-redis` 1.0 producers.
    pub apalis_redis: Vec<ApalisRedisQueue>,
}

/// One queue written by stock `apalis-redis` 1.0 producers. See `docs/compat.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApalisRedisQueue {
    /// Their server.
    pub url: SecretUrl,
    /// Their queue.
    pub queue: String,
    /// The kind of our jobs.
    pub kind: String,
    /// Our queue.
    pub target_queue: String,
    /// How their payload becomes ours.
    #[serde(default)]
    pub payload: PayloadMapping,
    /// Whose work it is; without it, the default tenant's.
    #[serde(default)]
    pub tenant: Option<String>,
    /// `urgent`, `high`, `normal` or `low`.
    #[serde(default)]
    pub priority: Priority,
    /// Attempts that may fail; without it, what the task has left of its own.
    #[serde(default)]
    pub max_attempts: Option<u32>,
    /// The time limit of one attempt.
    #[serde(default = "timeout", with = "units::duration")]
    pub timeout: Duration,
    /// The version of the payload's schema.
    #[serde(default = "schema_version")]
    pub schema_version: u32,
    /// Tasks taken at once.
    #[serde(default = "batch")]
    pub batch: usize,
    /// How long an empty queue is left alone.
    #[serde(default = "poll", with = "units::duration")]
    pub poll: Duration,
    /// A stock worker without a heartbeat for so long is lost, and its tasks are taken.
    #[serde(default = "orphaned_after", with = "units::duration")]
    pub orphaned_after: Duration,
}

/// How their payload becomes ours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayloadMapping {
    /// As it is.
    #[default]
    AsIs,
    /// As the only field of an object.
    Wrap(String),
    /// An object with some fields under other names, theirs to ours.
    Rename(BTreeMap<String, String>),
}

/// A place in line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before everything.
    Urgent,
    /// Before the normal.
    High,
    /// As most jobs.
    #[default]
    Normal,
    /// After the normal.
    Low,
}

fn timeout() -> Duration {
    Duration::from_mins(5)
}

fn schema_version() -> u32 {
    1
}

fn batch() -> usize {
    500
}

fn poll() -> Duration {
    Duration::from_secs(1)
}

fn orphaned_after() -> Duration {
    Duration::from_mins(5)
}
