//! `[sql]`: the database.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{self, SecretUrl};

/// The database. See [`Config::sql_path`](crate::Config::sql_path) for the file of the embedded profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlConfig {
    /// `sqlite:` or `sqlite:<path>`.
    pub url: SecretUrl,
    /// Connections that read; writes share one more.
    #[serde(with = "units::whole")]
    pub read_connections: u32,
    /// How long a statement waits for a lock of another process.
    #[serde(with = "units::duration")]
    pub busy_timeout: Duration,
}
