//! Locks between the processes that share a data folder. The kernel drops them with the process, however it dies, so
//! nothing has to be cleaned up after a crash and nobody waits for a dead process.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::Path,
    time::Duration,
};

use tokio::time::Instant;

/// How often a lock that somebody else holds is asked for again. A blocked thread would be told at once, but a shutdown
/// would have to wait for it.
const EVERY: Duration = Duration::from_millis(2);

/// How a lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Beside others.
    Shared,
    /// By nobody else.
    Alone,
}

/// A lock that is held; ends when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    _file: File,
}

/// Takes the lock if nobody is in the way; `None` if somebody is.
pub(crate) fn try_hold(path: &Path, mode: Mode) -> io::Result<Option<Held>> {
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
pub(crate) async fn hold(path: &Path, mode: Mode, deadline: Instant) -> io::Result<Held> {
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
