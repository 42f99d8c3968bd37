//! `[blob]`: the bytes of documents.

use serde::{Deserialize, Serialize};

use crate::units::SecretUrl;

/// The blob store. See [`Config::blob_dir`](crate::Config::blob_dir) for the folder of the embedded profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobConfig {
    /// `file:` or `file:<folder>`.
    pub url: SecretUrl,
}
