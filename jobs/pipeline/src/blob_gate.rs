//! Between "these bytes are there" and "a version refers to them" nobody may delete them.
//!
//! Whoever accepts a document passes the gate with others, whoever deletes unused bytes passes it alone; so no version
//! ever refers to bytes that were deleted under it. Both sections are a few statements long: uploads happen outside.
//!
//! Inside a process the gate is a lock that serves in turn. Where processes share the data there is a [`Room`] behind it,
//! so somebody who wants to be alone gets in, however many documents come.

use std::{path::Path, time::Duration};

use graphmill_queue::file_lock::{Held, Mode, Room};
use graphmill_store::Error;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How long to wait for other processes: far beyond what a section takes, so somebody is stuck.
const PATIENCE: Duration = Duration::from_secs(20);

/// See the module.
#[derive(Debug, Default)]
pub struct BlobGate {
    process: RwLock<()>,
    room: Option<Room>,
}

/// The right to refer to bytes that are there. Ends when dropped.
#[derive(Debug)]
pub struct Beside<'a> {
    _file: Option<Held>,
    _process: RwLockReadGuard<'a, ()>,
}

/// The right to delete bytes that nobody refers to. Ends when dropped.
#[derive(Debug)]
pub struct Alone<'a> {
    _file: Option<Held>,
    _process: RwLockWriteGuard<'a, ()>,
}

impl BlobGate {
    /// A gate for all processes that share a folder.
    pub fn shared(folder: &Path) -> Self {
        Self {
            process: RwLock::default(),
            room: Some(Room::new(
                folder.join("blobs.door.lock"),
                folder.join("blobs.lock"),
            )),
        }
    }

    /// Passes beside others who accept.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when a process is stuck inside, or the folder cannot be written.
    pub async fn beside(&self) -> Result<Beside<'_>, Error> {
        let process = self.process.read().await;
        Ok(Beside {
            _file: self.enter(Mode::Shared).await?,
            _process: process,
        })
    }

    /// Passes alone.
    ///
    /// # Errors
    /// As [`BlobGate::beside`].
    pub async fn alone(&self) -> Result<Alone<'_>, Error> {
        let process = self.process.write().await;
        Ok(Alone {
            _file: self.enter(Mode::Alone).await?,
            _process: process,
        })
    }

    async fn enter(&self, mode: Mode) -> Result<Option<Held>, Error> {
        let Some(room) = &self.room else {
            return Ok(None);
        };
        let entered = room.enter(mode, PATIENCE).await;
        entered
            .map(Some)
            .map_err(|error| Error::Unavailable(Box::new(error)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use super::*;

    /// Two gates on one folder stand for two processes: the kernel tells their locks apart by the open file.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn whoever_deletes_is_alone_and_gets_in_however_many_accept() {
        let folder = tempfile::tempdir().unwrap();
        let inside = Arc::new(AtomicI64::new(0));
        let accepting: Vec<_> = (0..8)
            .map(|_| {
                let gate = BlobGate::shared(folder.path());
                let inside = inside.clone();
                tokio::spawn(async move {
                    loop {
                        let _pass = gate.beside().await.unwrap();
                        assert!(inside.fetch_add(1, Ordering::SeqCst) >= 0);
                        tokio::time::sleep(Duration::from_millis(3)).await;
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        let gate = BlobGate::shared(folder.path());
        for _ in 0..20 {
            let _pass = gate.alone().await.unwrap();
            assert_eq!(inside.fetch_sub(1_000, Ordering::SeqCst), 0);
            tokio::time::sleep(Duration::from_millis(1)).await;
            inside.fetch_add(1_000, Ordering::SeqCst);
        }
        for task in accepting {
            assert!(!task.is_finished());
            task.abort();
        }
    }
}
