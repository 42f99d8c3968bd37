//! Bytes, kept under their hash.

mod object;

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

pub use self::object::ObjectBlobs;
use crate::Result;

/// The BLAKE3 hash of some bytes, 64 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlobHash(String);

impl BlobHash {
    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes).to_hex().to_string())
    }

    /// Returns the hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<blake3::Hash> for BlobHash {
    fn from(hash: blake3::Hash) -> Self {
        Self(hash.to_hex().to_string())
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BlobHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        blake3::Hash::from_hex(text)
            .map(Into::into)
            .map_err(|_| format!("`{text}` is no BLAKE3 hash (64 hex digits)"))
    }
}

/// A content-addressed store of bytes. Putting the same bytes twice keeps them once.
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// Keeps bytes; durable when it returns.
    async fn put(&self, bytes: Bytes) -> Result<BlobHash>;

    /// Keeps a stream of at most `max_bytes` without holding it in memory; returns its hash and length.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] when it is longer; nothing of it is kept then.
    async fn put_stream(
        &self,
        stream: BoxStream<'_, std::io::Result<Bytes>>,
        max_bytes: u64,
    ) -> Result<(BlobHash, u64)>;

    /// Returns the bytes, checked against their hash.
    async fn get(&self, hash: &BlobHash) -> Result<Bytes>;

    /// Says whether the bytes are there, without reading them.
    async fn exists(&self, hash: &BlobHash) -> Result<bool>;

    /// Forgets the bytes; forgetting unknown ones is no error.
    async fn delete(&self, hash: &BlobHash) -> Result<()>;

    /// Lists every hash kept, in any order.
    async fn list(&self) -> Result<Vec<BlobHash>>;
}
