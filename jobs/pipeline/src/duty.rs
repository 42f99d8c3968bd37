//! Work that one process at a time does for all that share a data folder: whoever holds the lock file is on duty, the
//! others stand by and take over when it ends, however it ends.
//!
//! It spares work, nothing depends on it: two on duty at once (processes that do not share a folder) would do the same
//! thing twice, and all that is done on duty may be done twice.

use std::{
    io,
    path::{Path, PathBuf},
};

use graphmill_queue::file_lock::{Held, Mode, try_hold};

/// Being the one; ends when dropped.
#[derive(Debug)]
pub struct OnDuty {
    _lock: Held,
}

/// A duty that processes share.
#[derive(Debug, Clone)]
pub struct Duty {
    path: PathBuf,
}

impl Duty {
    /// Names a duty of a data folder.
    pub fn new(folder: &Path, name: &str) -> Self {
        Self {
            path: folder.join(format!("{name}.lock")),
        }
    }

    /// Goes on duty; `None` while another process is.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn try_take(&self) -> io::Result<Option<OnDuty>> {
        Ok(try_hold(&self.path, Mode::Alone)?.map(|lock| OnDuty { _lock: lock }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duty_has_one_holder_and_is_taken_over_when_that_one_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (
            Duty::new(folder.path(), "settle"),
            Duty::new(folder.path(), "settle"),
        );
        let held = one.try_take().unwrap();
        assert!(held.is_some());
        assert!(other.try_take().unwrap().is_none());
        drop(held);
        assert!(other.try_take().unwrap().is_some());
    }
}
