//! Blobs in an object store: a folder now, S3 and its kin by the same calls.
//!
//! A blob's key is `ab/cd/<hash>`, its hash with two levels of folders before it. Bytes whose hash is not known before
//! their end go to `incoming/<id>` first and are moved: nothing incomplete ever has a blob's key. On local files every
//! write is a new file that is synced, renamed into place and followed by a sync of its folder.

use std::{io, path::Path as FilePath, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use object_store::{
    ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart, local::LocalFileSystem, path::Path,
};
use uuid::Uuid;

use super::{BlobHash, Blobs};
use crate::{Error, Result};

/// Bytes of a stream that are held in memory: what is shorter is written at once, what is longer in such parts. S3 takes
/// no smaller ones.
const PART_BYTES: usize = 5 << 20;

/// Parts of one stream that are written at the same time.
const PARTS_AT_ONCE: usize = 2;

/// Where streams go until their hash is known.
const INCOMING: &str = "incoming";

/// A stream to which nothing was written for this long is not being written any more.
const LEFT_AFTER: Duration = Duration::from_hours(24);

/// Blobs in an object store.
#[derive(Debug, Clone)]
pub struct ObjectBlobs {
    store: Arc<dyn ObjectStore>,
    /// The folder or address, for messages.
    place: String,
}

impl ObjectBlobs {
    /// Opens a folder, which is created if need be. Streams that a killed process left unfinished are removed, so one
    /// process at a time may have it open.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the folder cannot be created or read, [`Error::Full`].
    pub fn local(folder: impl AsRef<FilePath>) -> Result<Self> {
        Self::open(folder.as_ref(), Duration::ZERO)
    }

    /// As [`ObjectBlobs::local`], for a folder that other processes have open too: only what nobody has written to for a
    /// day is taken for unfinished.
    ///
    /// # Errors
    /// As [`ObjectBlobs::local`].
    pub fn shared(folder: impl AsRef<FilePath>) -> Result<Self> {
        Self::open(folder.as_ref(), LEFT_AFTER)
    }

    fn open(folder: &FilePath, left_after: Duration) -> Result<Self> {
        let place = folder.display().to_string();
        let io_error = |error: io::Error| io_error(&place, &error);
        std::fs::create_dir_all(folder).map_err(io_error)?;
        remove_left(&folder.join(INCOMING), left_after).map_err(io_error)?;
        let store = LocalFileSystem::new_with_prefix(folder)
            .map_err(|error| store_error(&place, None, error))?
            .with_fsync(true)
            .with_automatic_cleanup(true);
        Ok(Self {
            store: Arc::new(store),
            place,
        })
    }

    fn error(&self, hash: &BlobHash, error: object_store::Error) -> Error {
        store_error(&self.place, Some(hash), error)
    }

    /// Writes a long stream under a name of its own, then moves it under its hash.
    async fn put_parts(
        &self,
        mut stream: BoxStream<'_, io::Result<Bytes>>,
        max_bytes: u64,
    ) -> Result<(BlobHash, u64)> {
        let incoming = Path::from_iter([INCOMING, &Uuid::now_v7().to_string()]);
        let failed = |error| store_error(&self.place, None, error);
        let upload = self.store.put_multipart(&incoming).await.map_err(failed)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let written = self.write_parts(&mut upload, &mut stream, max_bytes).await;
        let (hash, length) = match written {
            Ok(written) => written,
            Err(error) => {
                // What cannot be undone now is removed at the next start.
                if let Err(error) = upload.abort().await {
                    tracing::warn!(error = %error, "an unfinished blob could not be removed");
                }
                return Err(error);
            }
        };
        upload.finish().await.map_err(failed)?;
        if let Err(error) = self.store.rename(&incoming, &key(&hash)).await {
            let _ = self.store.delete(&incoming).await;
            return Err(self.error(&hash, error));
        }
        Ok((hash, length))
    }

    async fn write_parts(
        &self,
        upload: &mut WriteMultipart,
        stream: &mut BoxStream<'_, io::Result<Bytes>>,
        max_bytes: u64,
    ) -> Result<(BlobHash, u64)> {
        let mut hasher = blake3::Hasher::new();
        let mut length = 0;
        while let Some(bytes) = stream.next().await {
            let bytes = bytes.map_err(|error| io_error("the sender", &error))?;
            length = grow(length, bytes.len(), max_bytes)?;
            hasher.update(&bytes);
            upload
                .wait_for_capacity(PARTS_AT_ONCE)
                .await
                .map_err(|error| store_error(&self.place, None, error))?;
            upload.put(bytes);
        }
        Ok((hasher.finalize().into(), length))
    }
}

#[async_trait]
impl Blobs for ObjectBlobs {
    async fn put(&self, bytes: Bytes) -> Result<BlobHash> {
        let hash = BlobHash::of(&bytes);
        // Known bytes are written again: that mends a damaged copy, and meets a deletion that is under way.
        self.store
            .put(&key(&hash), PutPayload::from_bytes(bytes))
            .await
            .map_err(|error| self.error(&hash, error))?;
        Ok(hash)
    }

    async fn put_stream(
        &self,
        mut stream: BoxStream<'_, io::Result<Bytes>>,
        max_bytes: u64,
    ) -> Result<(BlobHash, u64)> {
        let mut head = BytesMut::new();
        while head.len() < PART_BYTES {
            let Some(bytes) = stream.next().await else {
                let length = head.len() as u64;
                return Ok((self.put(head.freeze()).await?, length));
            };
            let bytes = bytes.map_err(|error| io_error("the sender", &error))?;
            grow(head.len() as u64, bytes.len(), max_bytes)?;
            head.extend_from_slice(&bytes);
        }
        let whole = stream::iter([Ok(head.freeze())]).chain(stream).boxed();
        self.put_parts(whole, max_bytes).await
    }

    async fn get(&self, hash: &BlobHash) -> Result<Bytes> {
        let read = async { self.store.get(&key(hash)).await?.bytes().await };
        let bytes = read.await.map_err(|error| self.error(hash, error))?;
        let expected = hash.clone();
        tokio::task::spawn_blocking(move || {
            if BlobHash::of(&bytes) == expected {
                Ok(bytes)
            } else {
                Err(Error::BlobDamaged(expected.to_string()))
            }
        })
        .await
        .map_err(|error| Error::Unavailable(Box::new(error)))?
    }

    async fn exists(&self, hash: &BlobHash) -> Result<bool> {
        match self.store.head(&key(hash)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.error(hash, error)),
        }
    }

    async fn delete(&self, hash: &BlobHash) -> Result<()> {
        match self.store.delete(&key(hash)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.error(hash, error)),
        }
    }

    async fn list(&self) -> Result<Vec<BlobHash>> {
        self.store
            .list(None)
            .map_err(|error| store_error(&self.place, None, error))
            // What is no hash is not ours, or not finished.
            .try_filter_map(async |object| {
                Ok(object
                    .location
                    .filename()
                    .and_then(|name| name.parse().ok()))
            })
            .try_collect()
            .await
    }
}

/// Removes the files of a folder to which nothing was written for so long. Two processes may do it at once.
fn remove_left(folder: &FilePath, after: Duration) -> io::Result<()> {
    let unless_gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    };
    if after.is_zero() {
        return unless_gone(std::fs::remove_dir_all(folder));
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return unless_gone(Err(error)),
    };
    for entry in entries {
        let entry = entry?;
        // A file that is gone by now, or from the future, is not left.
        let age = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
            .and_then(|written| written.elapsed().ok());
        if age.is_some_and(|age| age > after) {
            unless_gone(std::fs::remove_file(entry.path()))?;
        }
    }
    Ok(())
}

fn key(hash: &BlobHash) -> Path {
    let digits = hash.as_str();
    Path::from_iter([&digits[..2], &digits[2..4], digits])
}

/// Adds to a length.
///
/// # Errors
/// [`Error::Invalid`] when it comes to more than `max_bytes`.
fn grow(length: u64, more: usize, max_bytes: u64) -> Result<u64> {
    let length = length.saturating_add(more as u64);
    if length > max_bytes {
        return Err(Error::Invalid(format!(
            "the content is larger than {max_bytes} bytes"
        )));
    }
    Ok(length)
}

fn io_error(place: &str, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full(place.to_owned()),
        _ => Error::Unavailable(format!("`{place}`: {error}").into()),
    }
}

fn store_error(place: &str, hash: Option<&BlobHash>, error: object_store::Error) -> Error {
    if let (object_store::Error::NotFound { .. }, Some(hash)) = (&error, hash) {
        return Error::NotFound {
            what: "blob",
            id: hash.to_string(),
        };
    }
    // A full disk is told by the innermost error only.
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<io::Error>()
            && matches!(
                cause.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            )
        {
            return Error::Full(place.to_owned());
        }
        source = cause.source();
    }
    Error::Unavailable(Box::new(error))
}
