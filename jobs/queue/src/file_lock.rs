//! Locks between the processes that share a folder. The kernel drops them with the process, however it dies, so
//! nothing has to be cleaned up after a crash and nobody waits for a dead process.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

/// How often a lock that somebody else holds is asked for again. A blocked thread would be told at once, but a shutdown
/// would have to wait for it.
const EVERY: Duration = Duration::from_millis(2);

/// How a lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Beside others.
    Shared,
    /// By nobody else.
    Alone,
}

/// A lock that is held; ends when dropped.
#[derive(Debug)]
pub struct Held {
    _file: File,
}

/// Takes the lock if nobody is in the way; `None` if somebody is.
///
/// # Errors
/// When the file cannot be opened or locked.
pub fn try_hold(path: &Path, mode: Mode) -> io::Result<Option<Held>> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    let locked = match mode {
        Mode::Shared => file.try_lock_shared(),
        Mode::Alone => file.try_lock(),
    };
    match locked {
        Ok(()) => Ok(Some(Held { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Waits for the lock, not beyond `deadline`.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] when somebody else holds it all the time.
pub async fn hold(path: &Path, mode: Mode, deadline: Instant) -> io::Result<Held> {
    loop {
        if let Some(held) = try_hold(path, mode)? {
            return Ok(held);
        }
        if Instant::now() >= deadline {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("`{}` is held by another process", path.display()),
            ));
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// A room that processes enter in turn. `door` is held only while waiting for `room`: whoever has just left finds somebody
/// else at the door and comes after, and somebody who wants to be alone stops newcomers and sees the room empty itself.
#[derive(Debug, Clone)]
pub struct Room {
    door: PathBuf,
    room: PathBuf,
}

impl Room {
    /// Names the two files.
    pub fn new(door: PathBuf, room: PathBuf) -> Self {
        Self { door, room }
    }

    /// Waits for the turn, at most `patience`.
    ///
    /// # Errors
    /// As [`hold`].
    pub async fn enter(&self, mode: Mode, patience: Duration) -> io::Result<Held> {
        let deadline = Instant::now() + patience;
        let _door = hold(&self.door, mode, deadline).await?;
        hold(&self.room, mode, deadline).await
    }
}
