//! Blobs on real folders.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop; clippy exempts only functions marked as tests"
)]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::{StreamExt, stream};
use graphmill_store::{BlobHash, Blobs, Error, ObjectBlobs};
use tempfile::TempDir;

fn open(folder: &TempDir) -> ObjectBlobs {
    ObjectBlobs::local(folder.path()).unwrap()
}

fn path_of(folder: &TempDir, hash: &BlobHash) -> PathBuf {
    let digits = hash.as_str();
    folder
        .path()
        .join(&digits[..2])
        .join(&digits[2..4])
        .join(digits)
}

/// Returns every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn pieces(total: usize, piece: usize) -> Vec<std::io::Result<Bytes>> {
    let bytes: Vec<u8> = (0..total).map(|n| (n % 251) as u8).collect();
    bytes
        .chunks(piece)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect()
}

#[tokio::test]
async fn bytes_come_back_and_are_kept_once() {
    let folder = TempDir::new().unwrap();
    let blobs = open(&folder);
    let hash = blobs.put(Bytes::from_static(b"hello")).await.unwrap();
    assert_eq!(hash, BlobHash::of(b"hello"));
    assert_eq!(blobs.put(Bytes::from_static(b"hello")).await.unwrap(), hash);
    assert_eq!(blobs.get(&hash).await.unwrap(), "hello");
    assert!(blobs.exists(&hash).await.unwrap());
    assert_eq!(blobs.list().await.unwrap(), std::slice::from_ref(&hash));
    assert_eq!(files(folder.path()), [path_of(&folder, &hash)]);
    blobs.delete(&hash).await.unwrap();
    blobs.delete(&hash).await.unwrap();
    assert!(!blobs.exists(&hash).await.unwrap());
    assert!(matches!(
        blobs.get(&hash).await,
        Err(Error::NotFound { what: "blob", .. })
    ));
    assert!(blobs.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn streams_of_any_length_get_the_hash_of_their_bytes() {
    let folder = TempDir::new().unwrap();
    let blobs = open(&folder);
    for total in [0, 1, 70_000, (5 << 20) - 1, 5 << 20, (11 << 20) + 3] {
        let parts = pieces(total, 64 << 10);
        let whole: Vec<u8> = parts
            .iter()
            .flat_map(|part| part.as_ref().unwrap().to_vec())
            .collect();
        let (hash, length) = blobs
            .put_stream(stream::iter(parts).boxed(), total as u64)
            .await
            .unwrap();
        assert_eq!((length, &hash), (total as u64, &BlobHash::of(&whole)));
        assert_eq!(blobs.get(&hash).await.unwrap(), whole);
    }
    assert_eq!(files(folder.path()).len(), 6);
}

#[tokio::test]
async fn a_stream_that_is_too_long_or_breaks_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let blobs = open(&folder);
    for total in [100, 12 << 20] {
        let long = stream::iter(pieces(total, 64 << 10)).boxed();
        let refused = blobs.put_stream(long, total as u64 - 1).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        let mut broken = pieces(total, 64 << 10);
        broken.push(Err(std::io::Error::other("the client went away")));
        let failed = blobs
            .put_stream(stream::iter(broken).boxed(), u64::MAX)
            .await;
        assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    }
    assert_eq!(files(folder.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn damage_is_found_and_mended_by_putting_again() {
    let folder = TempDir::new().unwrap();
    let blobs = open(&folder);
    let hash = blobs.put(Bytes::from_static(b"hello")).await.unwrap();
    std::fs::write(path_of(&folder, &hash), b"hellp").unwrap();
    assert!(matches!(
        blobs.get(&hash).await,
        Err(Error::BlobDamaged(damaged)) if damaged == hash.to_string()
    ));
    blobs.put(Bytes::from_static(b"hello")).await.unwrap();
    assert_eq!(blobs.get(&hash).await.unwrap(), "hello");
}

#[tokio::test]
async fn what_a_killed_process_left_is_swept_at_the_next_start() {
    let folder = TempDir::new().unwrap();
    let incoming = folder.path().join("incoming");
    std::fs::create_dir_all(&incoming).unwrap();
    std::fs::write(incoming.join("half#1"), b"hel").unwrap();
    let blobs = open(&folder);
    assert_eq!(files(folder.path()), Vec::<PathBuf>::new());
    assert!(blobs.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_another_process_is_writing_is_left_to_it() {
    let folder = TempDir::new().unwrap();
    let incoming = folder.path().join("incoming");
    std::fs::create_dir_all(&incoming).unwrap();
    let (young, old) = (incoming.join("young#1"), incoming.join("old#1"));
    for file in [&young, &old] {
        std::fs::write(file, b"hel").unwrap();
    }
    let two_days = std::time::Duration::from_hours(48);
    let written = std::fs::metadata(&old).unwrap().modified().unwrap() - two_days;
    std::fs::File::options()
        .write(true)
        .open(&old)
        .unwrap()
        .set_modified(written)
        .unwrap();
    ObjectBlobs::shared(folder.path()).unwrap();
    assert!(young.exists());
    assert!(!old.exists());
}

#[tokio::test]
async fn a_place_that_is_no_folder_is_unavailable() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    let opened = ObjectBlobs::local(&file);
    assert!(matches!(opened, Err(Error::Unavailable(_))), "{opened:?}");
}
