//! `[redis]`: where jobs wait when several processes share them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{self, SecretUrl};

/// The schemes that a URL of Redis may have.
pub(crate) const SCHEMES: [&str; 8] = [
    "redis",
    "rediss",
    "redis+unix",
    "unix",
    "redis+sentinel",
    "rediss+sentinel",
    "redis-cluster",
    "rediss-cluster",
];

/// Where jobs wait when several processes share them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// One server, Sentinel or Cluster; without it jobs wait in SQLite, which one process owns.
    pub url: Option<SecretUrl>,
    /// What every key begins with.
    pub prefix: String,
    /// Replicas that must have a job before its submit returns; 0 asks none.
    #[serde(with = "units::whole")]
    pub wait_replicas: u32,
    /// How long a worker that nothing wakes waits before it looks by itself.
    #[serde(with = "units::duration")]
    pub idle_poll: Duration,
}
